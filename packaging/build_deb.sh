#!/usr/bin/env bash
# Makes the Debian package of a program that is built already:
#
#     cargo build --release && packaging/build_deb.sh target/release/zgserve-tui target/packages
#
# By dpkg-deb, because everything that cargo-deb would write is a table of files, and this one also has pages and
# completions that the program makes itself. Needs dpkg-dev and Python. The same program and the same commit give the same package.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: packaging/build_deb.sh PROGRAM DIRECTORY [LEVEL]"
program=$(realpath "${1:?$usage}")
out=${2:?$usage}
level=${3:-6}
here=packaging/debian

version=$(dpkg-parsechangelog -l "$here/changelog" -S Version)
built=$("$program" --version)
[ "$built" = "zgserve-tui ${version%-*}" ] || { echo "build_deb: $here/changelog is of $version, the program is $built"; exit 1; }
architecture=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog -l "$here/changelog" -S Timestamp)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/debian/zgserve-tui
doc=$root/usr/share/doc/zgserve-tui

install -D -m 755 -s "$program" "$root/usr/bin/zgserve-tui"

"$program" man "$work/man"
for page in "$work"/man/*.1; do
  install -D -m 644 "$page" "$root/usr/share/man/man1/$(basename "$page")"
done
find "$root/usr/share/man" -name '*.1' -exec gzip -9n {} +

mkdir -p "$root"/usr/share/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
"$program" completions bash >"$root/usr/share/bash-completion/completions/zgserve-tui"
"$program" completions zsh >"$root/usr/share/zsh/vendor-completions/_zgserve-tui"
"$program" completions fish >"$root/usr/share/fish/vendor_completions.d/zgserve-tui.fish"

for role in user provider; do
  install -D -m 644 "packaging/systemd/zgserve-$role.service" "$root/usr/lib/systemd/system/zgserve-$role.service"
  install -D -m 600 "$here/$role.yaml" "$root/etc/zgserve/$role.yaml"
  install -D -m 644 "$role/config.example.yaml" "$doc/examples/$role.config.yaml"
done
install -D -m 644 packaging/systemd/session/zgserve-user.service "$root/usr/lib/systemd/user/zgserve-user.service"
install -D -m 644 packaging/systemd/sysusers.conf "$root/usr/lib/sysusers.d/zgserve-tui.conf"
install -D -m 644 packaging/grafana/zgserve.json "$doc/examples/grafana.json"
install -D -m 644 -t "$doc/examples" packaging/prometheus/*.yml

install -m 644 "$here/copyright" "$doc/copyright"
python3 packaging/third_party.py "$(uname -m)-unknown-linux-gnu" | gzip -9n >"$doc/THIRD-PARTY.gz"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
gzip -9n <"$here/changelog" >"$doc/changelog.Debian.gz"
install -D -m 644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/zgserve-tui"

mkdir "$root/DEBIAN"
# The libraries that the program is linked with, and who makes the user that it runs as.
printf 'Source: zgserve-tui\n\nPackage: zgserve-tui\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O debian/zgserve-tui/usr/bin/zgserve-tui | sed -n 's/^shlibs:Depends=//p')
depends="$depends, systemd | systemd-standalone-sysusers | systemd-sysusers"
size=$(du -k -s --apparent-size "$root" | cut -f 1)

sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/; s/@DEPENDS@/${depends#, }/" \
  "$here/control.in" >"$root/DEBIAN/control"
install -m 755 -t "$root/DEBIAN" "$here/postinst" "$here/prerm" "$here/postrm"
printf '/etc/zgserve/%s.yaml\n' user provider >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -type d -exec chmod 755 {} +
find "$root" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz "-z$level" --build "$root" "$out/zgserve-tui_${version}_$architecture.deb"
