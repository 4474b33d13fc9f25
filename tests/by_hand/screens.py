"""What the screens cost: time to the first frame, and what an idle screen does, beside an empty and a full database.

    python3 tests/by_hand/screens.py target/release/zgserve-tui [rows] [idle seconds]

Starts a chain of its own (`devnet`), opens the screens in a pseudo-terminal over a data directory with no request and over one with
`rows` of them (100,000), and prints for both: milliseconds to the first frame, and in the idle time (60 s) the bytes that were written
to the terminal and the processor time that was used. Needs Python 3; uses nothing but loopback.
"""

import fcntl
import os
import pty
import re
import secrets
import select
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time

TEST_KEY = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"
USER = bytes.fromhex("3c44cdddb6a900fa2b585dd299e03d12fa4293bc")
COLUMNS, ROWS = 120, 40


class Screens:
    """The program in a terminal of its own."""

    def __init__(self, words):
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.execv(words[0], words)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.seen = b""

    def read(self, seconds):
        """Takes what comes within so many seconds; answers the question for the background as terminals do."""
        until, taken = time.monotonic() + seconds, 0
        while (left := until - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    piece = os.read(self.fd, 65536)
                except OSError:
                    # The program ended; there is nobody at the other end of the terminal.
                    return taken
                taken += len(piece)
                if b"\x1b]11;?" in piece:
                    os.write(self.fd, b"\x1b]11;rgb:0000/0000/0000\x07")
                if b"\x1b[c" in piece:
                    os.write(self.fd, b"\x1b[?62;c")
                self.seen += piece
        return taken

    def wait_for(self, text, seconds=30):
        until = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > until:
                raise SystemExit(f"screens: {text!r} never shows:\n{self.seen[-3000:]!r}")
            self.read(0.002)
        return time.monotonic() - self.began

    def cpu(self):
        """Processor seconds so far."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        os.write(self.fd, b"q")
        self.read(0.5)
        if os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            os.kill(self.pid, signal.SIGTERM)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def fill(database, rows):
    """Requests of a year, newest last, as the program writes them."""
    amount = lambda value: value.to_bytes(16, "big")
    now, step = int(time.time() * 1_000_000), 300 * 1_000_000

    def row(index):
        at = now - (rows - index) * step
        return {
            "id": secrets.token_bytes(32), "user": USER, "provider": bytes([index % 7 + 1]) * 20, "service": f"service{index % 5}",
            "created_at": at, "finished_at": at + 900_000, "state": "done", "input_units": 100, "output_units": 200,
            "input_fee": amount(10_000_000), "output_fee": amount(40_000_000), "fee": amount(50_000_000),
            "max_fee": amount(90_000_000), "price_version": 1, "input_price": amount(100_000), "output_price": amount(200_000),
            "body_hash": b"\x22" * 32,
        }

    # What is drawn at the start is the newest page; the sums that the program keeps beside the rows are not needed for it.
    names = list(row(0))
    sql = f"INSERT INTO requests ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    base = sqlite3.connect(database)
    with base:
        base.executemany(sql, (list(row(index).values()) for index in range(rows)))
    base.close()


def look(binary, directory, url, contract, key, idle):
    words = [binary, "--data-dir", directory, "--rpc-url", url, "--contract", contract, "--private-key-file", key]
    screens = Screens(words)
    first = screens.wait_for("Services".encode())
    screens.wait_for("live".encode())
    # Whatever the start brings has come.
    screens.read(5)
    before = screens.cpu()
    written = screens.read(idle)
    used = screens.cpu() - before
    screens.close()
    return first * 1000, written, used


def main():
    binary = os.path.abspath(sys.argv[1])
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    idle = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    with tempfile.TemporaryDirectory() as place:
        chain = subprocess.Popen([binary, "devnet", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            told = ""
            while not (url := re.search(r"http://[0-9.:]+", told)) or not (contract := re.search(r"contract (0x[0-9a-fA-F]{40})", told)):
                line = chain.stdout.readline()
                if not line:
                    raise SystemExit(f"screens: the devnet says no more than:\n{told}")
                told += line
            key = os.path.join(place, "key")
            with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(TEST_KEY + "\n")
            for name, count in (("empty", 0), ("full", rows)):
                directory = os.path.join(place, name)
                look(binary, directory, url.group(), contract.group(1), key, 0)
                if count:
                    fill(os.path.join(directory, "user.db"), count)
                firsts = sorted(look(binary, directory, url.group(), contract.group(1), key, 0)[0] for _ in range(5))
                _, written, used = look(binary, directory, url.group(), contract.group(1), key, idle)
                print(f"{count:>7} requests: first frame {firsts[2]:.0f} ms ({firsts[0]:.0f} to {firsts[-1]:.0f}); "
                      f"idle {idle} s: {written} bytes written, {used * 1000:.0f} ms of processor ({100 * used / max(idle, 1):.2f} %)")
        finally:
            chain.terminate()
            chain.wait()


if __name__ == "__main__":
    main()
