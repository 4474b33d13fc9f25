#!/usr/bin/env bash
# Packs a program that is built already with what belongs to it: manual pages, completions, example settings, units, licences.
#
#     packaging/build_archive.sh target/release/zgserve-tui x86_64-unknown-linux-gnu target/packages
#
# The program must run here, for it makes its own pages and completions. Needs Python, and the crates that the build has fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: packaging/build_archive.sh PROGRAM TARGET DIRECTORY"
program=${1:?$usage} target=${2:?$usage} out=${3:?$usage}
version=$("$program" --version | cut -d ' ' -f 2)
name=zgserve-tui-$version-$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/$name

mkdir -p "$root"/{completions,examples/systemd,man/man1}
install -m 755 "$program" "$root/zgserve-tui"
strip "$root/zgserve-tui"
"$program" man "$root/man/man1"
"$program" completions bash >"$root/completions/zgserve-tui.bash"
"$program" completions zsh >"$root/completions/_zgserve-tui"
"$program" completions fish >"$root/completions/zgserve-tui.fish"
for role in user provider; do
  install -m 644 "$role/config.example.yaml" "$root/examples/$role.config.yaml"
done
case $target in
  *-linux-*) cp packaging/systemd/*.service packaging/systemd/sysusers.conf "$root/examples/systemd" && cp -r packaging/systemd/session "$root/examples/systemd" ;;
  *) rmdir "$root/examples/systemd" ;;
esac
install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE assets/o200k.LICENSE "$root"
python3 packaging/third_party.py "$target" >"$root/THIRD-PARTY"

mkdir -p "$out"
tar -C "$work" -czf "$out/$name.tar.gz" "$name"
echo "$out/$name.tar.gz"
