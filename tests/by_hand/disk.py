"""A real disk that is really full: both brokers on a file system of a few megabytes, filled and freed again and again.

    python3 tests/by_hand/disk.py target/release/zgserve-tui

Runs itself in a user namespace (`unshare -rm`) in which it may mount a small tmpfs, starts `demo --headless` with its data there,
on the ports below, and calls, deposits and settles while there is room, while there is none, and while the room ends in the middle.
Ends with "disk: N passed, 0 failed", or with the first thing that was not as stated. Needs Python 3, curl, unshare; loopback only.
"""

import errno
import json
import os
import subprocess
import sys
import tempfile

from demo import check, curl, finish, wait_for

USER_PORT, PROVIDER_PORT, CHAIN_PORT = 24134, 24180, 24645
USER, PROVIDER = f"http://127.0.0.1:{USER_PORT}", f"http://127.0.0.1:{PROVIDER_PORT}"
ROUNDS, PAGES = 24, 6


class Room:
    """The rest of the file system, taken by a file."""

    def __init__(self, mount):
        self.path = os.path.join(mount, "ballast")
        self.mount = mount

    def leave(self, free):
        """Leaves so many bytes."""
        self.free()
        stat = os.statvfs(self.mount)
        size = max(stat.f_bavail * stat.f_frsize - free, 0)
        with open(self.path, "wb", buffering=0) as file:
            try:
                for _ in range(size // 4096):
                    file.write(b"\0" * 4096)
            except OSError as error:
                # A database wrote meanwhile: the disk is as full as it gets.
                if error.errno != errno.ENOSPC:
                    raise

    def free(self):
        if os.path.exists(self.path):
            os.remove(self.path)


def told(status, answer, what):
    error = answer.get("error", {}) if isinstance(answer, dict) else {}
    good = status in (502, 503) and error.get("code") and len(error.get("message", "")) > 15
    check(good and "sqlite" not in json.dumps(answer).lower() and "os error" not in json.dumps(answer), f"{what}: {status} {error.get('code')}")


def walk(room):
    provider = wait_for(lambda: curl(f"{USER}/v1/service")[1]["Items"], "the services")[0]["Provider"]
    accounts = curl(f"{USER}/v1/provider", expect=200)[1]["Items"]
    if not accounts:
        body = json.dumps({"provider": provider, "balance": "1000000000000000"})
        curl("-X", "POST", f"{USER}/v1/provider", "-H", "Content-Type: application/json", "-d", body, expect=204)
    name = next(s["Name"] for s in curl(f"{USER}/v1/service", expect=200)[1]["Items"] if s["Type"] == "chatbot")

    def call(stream=False):
        chat = json.dumps({"messages": [{"role": "user", "content": "Hello there"}], "stream": stream})
        run = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", f"{USER}/v1/provider/{provider}/service/{name}/chat/completions",
                              "-H", "Content-Type: application/json", "-d", chat], capture_output=True, text=True, timeout=180)
        if run.returncode in (18, 56):
            check(stream, "a stream that could not be booked breaks visibly at its end")
            return 0, "broken"
        check(run.returncode == 0, f"curl ends well ({run.stderr})")
        body, status = run.stdout.rsplit("\n", 1)
        return int(status), json.loads(body) if body.startswith("{") else body

    def deposit(key):
        return curl("-X", "POST", f"{USER}/v1/provider/{provider}/charge", "-H", "Content-Type: application/json",
                    "-H", f"Idempotency-Key: {key}", "-d", '{"amount": "1000"}')

    def balance():
        account = curl(f"{USER}/v1/provider/{provider}", expect=200)[1]
        return int(account["Balance"]) + int(account["Settled"])

    check(call()[0] == 200, "a call while there is room")
    refused = 0
    for number in range(ROUNDS):
        before = balance()
        # From no room at all to a few pages, so that it ends at another point of the work each time.
        room.leave(number * PAGES * 4096)
        for stream in (False, True):
            status, answer = call(stream)
            if status == 0:
                refused += 1
            if status >= 400:
                refused += 1
                told(status, answer, f"a call with {number * PAGES} pages left")
        status, answer = deposit(f"round {number}")
        if status >= 400:
            refused += 1
            told(status, answer, f"a deposit with {number * PAGES} pages left")
        room.free()
        # With the same key until it is done; what is under way is described in the body.
        wait_for(lambda: deposit(f"round {number}") == (202, ""), "the deposit, once there is room")
        wait_for(lambda: balance() == before + 1000, "exactly one deposit")
        wait_for(lambda: call()[0] == 200, "a call, once there is room")
    check(refused > 0, f"{refused} actions met a full disk")
    curl("-X", "POST", f"{PROVIDER}/v1/settle", expect=202)

    def even():
        requests = curl(f"{USER}/v1/provider/{provider}")[1]
        users = curl(f"{PROVIDER}/v1/user")[1]["Items"]
        user = next(u for u in users if int(u["Owed"]) > 0)
        return requests["Owed"] == user["Owed"] and requests["Settled"] == user["Settled"] and int(user["Settled"]) > 0
    wait_for(even, "the books of both sides to be even", 90)


def inside(binary):
    with tempfile.TemporaryDirectory() as mount:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", mount], check=True)
        room = Room(mount)
        log = tempfile.TemporaryFile("w+")
        command = [binary, "demo", "--headless", "--data-dir", os.path.join(mount, "data"), "--user-port", str(USER_PORT),
                   "--provider-port", str(PROVIDER_PORT), "--chain-port", str(CHAIN_PORT)]
        # The embedded chain writes there too; a home elsewhere keeps everything else off the small disk.
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(lambda: subprocess.run(["curl", "-sf", f"{USER}/health"], capture_output=True).returncode == 0, "the demo")
            walk(room)
            check(process.poll() is None, "the program is still there")
        except SystemExit:
            log.seek(0)
            print(log.read()[-3000:], file=sys.stderr)
            raise
        finally:
            room.free()
            process.terminate()
            process.wait(30)
            subprocess.run(["umount", "-l", mount], check=False)
    finish()


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2] == "inside":
        inside(sys.argv[1])
    elif len(sys.argv) == 2:
        here = [sys.executable, os.path.abspath(__file__), os.path.abspath(sys.argv[1]), "inside"]
        raise SystemExit(subprocess.run(["unshare", "-rm", *here]).returncode)
    else:
        raise SystemExit(__doc__)
