#!/usr/bin/env bash
# Installs the Debian package on a clean Debian with a running systemd, and uses it: both units, a passphrase as a credential,
# a crash, a session's own unit, an upgrade, removal, purge.
#
#     cargo build --release && packaging/try_deb.sh target/release/zgserve-tui
#
# The clean Debian is made from its packages once, and booted by systemd-nspawn without a network; what happens in it is gone
# afterwards. Needs root, and Debian's debootstrap, systemd-container, dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:?usage: packaging/try_deb.sh PROGRAM}
work=$PWD/target/try_deb

for needed in debootstrap systemd-nspawn dpkg-shlibdeps; do
  command -v "$needed" >/dev/null || { echo "try_deb: not tried, $needed is missing"; exit 3; }
done
[ "$(id -u)" = 0 ] || { echo "try_deb: not tried, it needs root"; exit 3; }

mkdir -p "$work"
if [ ! -e "$work/root.made" ]; then
  echo "try_deb: Debian from its packages, once"
  rm -rf "$work/root"
  debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv,dbus,libpam-systemd,curl bookworm "$work/root" \
    "$(apt-get indextargets --format '$(SITE)' | head -n 1)" >"$work/debootstrap.log"
  touch "$work/root.made"
fi

rm -rf "$work/exchange"
mkdir "$work/exchange"
packaging/build_deb.sh "$program" "$work/exchange" >/dev/null
cp packaging/try_deb_inside.sh "$work/exchange/inside.sh"
mkdir -p "$work/root/etc/systemd/system/multi-user.target.wants"
cat >"$work/root/etc/systemd/system/try.service" <<'UNIT'
[Unit]
After=dbus.service
[Service]
Type=oneshot
ExecStart=/bin/bash /try/inside.sh
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/try/said
StandardError=inherit
TimeoutStartSec=240
UNIT
ln -sf ../try.service "$work/root/etc/systemd/system/multi-user.target.wants/try.service"

timeout 300 systemd-nspawn --directory "$work/root" --volatile=overlay --register=no --keep-unit --private-network \
  --bind "$work/exchange:/try" --boot >"$work/boot.log" 2>&1 </dev/null || true
cat "$work/exchange/said"
tail -n 1 "$work/exchange/said" | grep -q '^try_deb: [0-9]* passed, 0 failed$'
