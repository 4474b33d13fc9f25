#!/bin/bash
# What try_deb.sh runs on the clean machine.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
passed=0

check() { # WHAT COMMAND…
  local what=$1
  shift
  if ! "$@" >/tmp/said 2>&1; then
    cat /tmp/said
    journalctl --no-pager -n 40 -u 'zgserve-*' || true
    echo "try_deb: NOT SO: $what"
    exit 1
  fi
  passed=$((passed + 1))
  echo "  ok  $what"
}

wait_for() { # WHAT COMMAND…
  local what=$1
  shift
  for _ in $(seq 200); do
    if "$@" >/dev/null 2>&1; then
      check "$what" true
      return 0
    fi
    sleep 0.1
  done
  check "$what" "$@"
}

is() { # VALUE COMMAND…
  local value=$1 found
  shift
  found=$("$@")
  echo "$* gives '$found', not '$value'"
  [ "$found" = "$value" ]
}

state() { # PROPERTY UNIT
  systemctl show --value -p "$1" "$2"
}

status() { # URL HEADER…
  curl -s -o /dev/null -w '%{http_code}' "$@"
}

log_has() { # UNIT TEXT
  journalctl --no-pager -o cat -u "$1" | grep -q "$2"
}

test_account() { # 1 (address) or 2 (key), NUMBER: of the development chain, known to everybody
  sed -n "s/^  \(0x[0-9a-fA-F]*\)  \(0x[0-9a-f]*\)$/\\$1/p" /tmp/devnet | sed -n "$2p"
}

deb=$(echo /try/*.deb)

echo "installing"
check "it installs" apt-get install --yes "$deb"
check "the user is there, without a shell" grep -q '^zgserve:.*:/usr/sbin/nologin$' /etc/passwd
check "nobody but root can read the settings" is "600 root root" stat -c '%a %U %G' /etc/zgserve/user.yaml
check "a place for a key file, before the first start" is "700 zgserve zgserve" stat -c '%a %U %G' /var/lib/zgserve/user
check "nothing is started" is inactive state ActiveState zgserve-user
check "nothing is enabled" is disabled state UnitFileState zgserve-provider
check "manual pages" test -s /usr/share/man/man1/zgserve-tui.1.gz
check "completions" bash -c '. /usr/share/bash-completion/completions/zgserve-tui && complete -p zgserve-tui'

echo "without a key"
systemctl start zgserve-user || true
wait_for "the unit fails" is failed state ActiveState zgserve-user
check "with the code of a bad setting" is 3 state ExecMainStatus zgserve-user
check "and is not started again and again" is 0 state NRestarts zgserve-user
check "its log says what is missing" log_has zgserve-user privateKeys
systemctl reset-failed zgserve-user

echo "with keys, a node and a contract"
systemd-run --quiet --unit devnet -p StandardOutput=file:/tmp/devnet zgserve-tui devnet --lock-time 120
wait_for "a chain" grep -q '^  0x' /tmp/devnet
index=2
for role in provider user; do
  printf 'privateKeys: "%s"\n' "$(test_account 2 $index)" >>/etc/zgserve/$role.yaml
  index=$((index + 1))
done
systemctl enable --quiet zgserve-provider zgserve-user
systemctl start zgserve-provider zgserve-user
for role in provider:3080 user:1034; do
  port=${role#*:} role=${role%:*}
  wait_for "the $role broker is healthy" zgserve-tui health "http://127.0.0.1:$port"
  check "$role: its state is its own" is "700 zgserve zgserve" stat -c '%a %U %G' /var/lib/zgserve/"$role"
  check "$role: a token was made, for its eyes only" is "600 zgserve zgserve" stat -c '%a %U %G' /var/lib/zgserve/"$role"/token
  check "$role: without it nothing is told" is 401 status "http://127.0.0.1:$port/metrics"
  check "$role: with it everything" \
    is 200 status "http://127.0.0.1:$port/metrics" -H "Authorization: Bearer $(cat /var/lib/zgserve/"$role"/token)"
  check "$role: it runs as zgserve" \
    is "$(id -u zgserve)" sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(state MainPID "zgserve-$role")/status"
  check "$role: no key in what systemd shows of it" bash -c "! systemctl show zgserve-$role | grep -q $(test_account 2 2 | cut -c 3-20)"
  check "$role: no warning in its log but the one about keys in the clear" \
    bash -c "! journalctl --no-pager -o cat -u zgserve-$role | grep -E 'WARN|ERROR' | grep -v 'private key in the clear'"
done
check "root's commands reach it" zgserve-tui --config /etc/zgserve/user.yaml --data-dir /var/lib/zgserve/user service list

echo "a crash"
before=$(state MainPID zgserve-user)
kill -9 "$before"
restarted() { [ "$(state MainPID zgserve-user)" != "$before" ] && zgserve-tui health http://127.0.0.1:1034; }
wait_for "it is started again" restarted

echo "stopping"
for role in provider user; do
  systemctl stop zgserve-$role
  check "$role: SIGTERM stops it in order" is "success 0" echo "$(state Result zgserve-$role) $(state ExecMainStatus zgserve-$role)"
done

echo "a key file and its passphrase as a credential"
printf 'a passphrase of twelve words or so\n' >/etc/zgserve/user.passphrase
chmod 600 /etc/zgserve/user.passphrase
install -o zgserve -m 600 /etc/zgserve/user.passphrase /tmp/passphrase
check "a key file as the unit's user" \
  runuser -u zgserve -- zgserve-tui --data-dir /var/lib/zgserve/user --passphrase-file /tmp/passphrase wallet new
sed -i '/^privateKeys/d' /etc/zgserve/user.yaml
mkdir -p /etc/systemd/system/zgserve-user.service.d
printf '[Service]\nLoadCredential=passphrase:/etc/zgserve/user.passphrase\nEnvironment=ZGSERVE_PASSPHRASE_FILE=%%d/passphrase\n' \
  >/etc/systemd/system/zgserve-user.service.d/passphrase.conf
systemctl daemon-reload
# The books of the first key stay where they are; this wallet has others.
mv /var/lib/zgserve/user/user.db* /tmp/ 2>/dev/null || true
systemctl start zgserve-user
wait_for "the unit opens it" zgserve-tui health http://127.0.0.1:1034

echo "in a session"
systemctl stop zgserve-user
useradd --create-home --uid 1100 alice
mkdir -p /home/alice/.config/zgserve
printf 'privateKeys: "%s"\n' "$(test_account 2 4)" >/home/alice/.config/zgserve/user.yaml
chmod 600 /home/alice/.config/zgserve/user.yaml
chown -R alice: /home/alice
systemctl start user@1100
in_session() { runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/1100 HOME=/home/alice "$@"; }
check "the session starts its own broker" in_session systemctl --user enable --now zgserve-user
wait_for "it is healthy" zgserve-tui health http://127.0.0.1:1034
check "its state is in her home" test -e /home/alice/.local/share/zgserve/user/user.db
check "it stops in order" in_session systemctl --user stop zgserve-user
systemctl stop user@1100

echo "an upgrade"
systemctl start zgserve-user
wait_for "running" zgserve-tui health http://127.0.0.1:1034
before=$(state MainPID zgserve-user)
check "the package over itself" dpkg -i --force-confold "$deb"
wait_for "the unit goes on with the new program" restarted
check "one that did not run is not started" is inactive state ActiveState zgserve-provider
check "what was changed in the settings is kept" grep -q '^privateKeys' /etc/zgserve/provider.yaml

echo "removing"
check "it is removed" dpkg -r zgserve-tui
check "the broker has stopped" bash -c '! curl -s http://127.0.0.1:1034/health'
check "settings stay" test -e /etc/zgserve/provider.yaml
dpkg -P zgserve-tui >/tmp/purged 2>&1
check "a purge says that keys and books are left" grep -q 'left in /var/lib/zgserve' /tmp/purged
check "and leaves them" test -e /var/lib/zgserve/provider/provider.db
check "the settings of the package are gone" bash -c '! ls /etc/zgserve/*.yaml'
check "no link to a unit is left" is "" find /etc/systemd/system -name 'zgserve-*.service'
rm -rf /var/lib/zgserve
check "it installs again" dpkg -i "$deb"
check "and is purged without a trace" dpkg -P zgserve-tui
check "of its state" test ! -e /var/lib/zgserve

echo "try_deb: $passed passed, 0 failed"
