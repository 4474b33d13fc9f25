#!/usr/bin/env python3
"""The keyring of a real session, from end to end: a broker that starts with no prompt because the keyring has its passphrase.

    python3 tests/by_hand/keyring.py target/debug/zgserve-tui

Needs `dbus-run-session` and `gnome-keyring-daemon` (Debian: dbus, gnome-keyring). It begins a session bus and a
keyring of its own in a temporary home, and touches nothing of yours. Ends with 0 if everything is as it should be.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
PASSPHRASE = "correct horse of the keyring"
INSIDE = "ZGSERVE_TEST_INSIDE_SESSION"


def main():
    binary = os.path.abspath(sys.argv[1])
    if INSIDE not in os.environ:
        with tempfile.TemporaryDirectory() as home:
            runtime = os.path.join(home, "run")
            os.mkdir(runtime, 0o700)
            env = dict(os.environ, HOME=home, XDG_RUNTIME_DIR=runtime, **{INSIDE: "1"})
            for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"):
                env.pop(name, None)
            inside = ["dbus-run-session", "--", sys.executable, os.path.abspath(__file__), binary]
            sys.exit(subprocess.run(inside, env=env, cwd=home, timeout=180).returncode)

    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--unlock", "--foreground", "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    daemon.stdin.write(b"login password\n")
    daemon.stdin.close()
    try:
        story(binary)
    finally:
        daemon.terminate()
        daemon.wait()
    print("keyring: all as it should be")


def run(binary, *args, passphrase=None, key=None, session=True):
    """Runs a command without a terminal. Gives its code, and all that it said."""
    env = dict(os.environ)
    if not session:
        env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        env["XDG_RUNTIME_DIR"] = "/nonexistent"
    fds, more = [], []
    if passphrase is not None:
        read, write = os.pipe()
        os.write(write, passphrase.encode() + b"\n")
        os.close(write)
        fds, more = [read], ["--passphrase-fd", str(read)]
    # A session of its own: there is no terminal to ask at, whoever runs this.
    done = subprocess.run(
        [binary, *args, *more],
        input=(key or "") + "\n",
        text=True,
        capture_output=True,
        env=env,
        pass_fds=fds,
        start_new_session=True,
        timeout=60,
    )
    for fd in fds:
        os.close(fd)
    said = done.stdout + done.stderr
    assert KEY not in said and PASSPHRASE not in said, said
    return done.returncode, said


def wait_for(what, look):
    for _ in range(1_200):
        if look():
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def broker(binary, url):
    """Starts the user broker without a terminal. Gives what it said by the time it listens, or ended."""
    log = tempfile.TemporaryFile("w+")
    args = [binary, "--headless", "--set", "listen=127.0.0.1:0", "--rpc-url", url]
    process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def said():
        log.seek(0)
        return log.read()

    wait_for("the broker listens or ends", lambda: "(API page" in said() or process.poll() is not None)
    code = process.poll()
    if code is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    return code, said()


def check(what, condition, said):
    print(("ok    " if condition else "FAIL  ") + what)
    assert condition, said


def story(binary):
    wait_for("the keyring answers", lambda: "has a keyring" in run(binary, "wallet", "keyring", "status")[1])
    devnet = subprocess.Popen([binary, "devnet", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://[^ ,]+", devnet.stdout.readline()).group(0)
        code, said = run(binary, "wallet", "import", passphrase=PASSPHRASE, key=KEY)
        check("a key file is made, its passphrase from a descriptor", code == 0, said)
        address = re.search(r"0x[0-9a-fA-F]{40}", said).group(0)
        code, said = broker(binary, url)
        check("without a terminal nobody can be asked: one sentence, and the ways", code == 3 and "keyring add" in said, said)
        code, said = run(binary, "wallet", "keyring", "add", address, passphrase="wrong")
        check("a passphrase that does not fit is not kept", code == 3 and "does not fit" in said, said)
        code, said = run(binary, "wallet", "keyring", "add", address, passphrase=PASSPHRASE)
        check("one that fits is", code == 0 and "keeps the passphrase" in said, said)
        code, said = run(binary, "wallet", "keyring", "status", "--json")
        check("status says so", code == 0 and '"Kept": true' in said, said)
        code, said = run(binary, "doctor", "--rpc-url", url)
        check("and so does doctor", "keyring: it keeps the passphrase" in said, said)
        code, said = broker(binary, url)
        check("the broker starts with no prompt", code is None and address.lower() in said.lower(), said)
        code, said = run(binary, "wallet", "list", session=False)
        check("no session, no keyring: everything else works", code == 0, said)
        code, said = run(binary, "wallet", "keyring", "add", address, passphrase=PASSPHRASE, session=False)
        check("and the keyring is told to be absent, with the other ways", code == 5 and "passphraseFile" in said, said)
        code, said = run(binary, "wallet", "keyring", "remove", address)
        check("it is taken out", code == 0, said)
        code, said = broker(binary, url)
        check("and asked for again", code == 3, said)
    finally:
        devnet.terminate()
        devnet.wait()


if __name__ == "__main__":
    main()
