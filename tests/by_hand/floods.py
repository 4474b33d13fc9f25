"""Floods against the real program: its memory stays bounded, and whoever asks properly is served meanwhile.

    python3 tests/by_hand/floods.py target/release/zgserve-tui [CONNECTIONS]

Starts `demo --headless` on ports that the system chooses and sends, to both brokers: a header of 10 MB, 100,000 headers, bodies
without end, requests that come byte by byte, pipelines, and CONNECTIONS connections (10,000 if the system lets one program have so
many) that say nothing. After each it asks as an application does, and looks at the resident memory of the process. Ends with
"floods: N passed, 0 failed" and the figures, or with the first thing that was not as stated. Uses nothing but loopback.
"""

import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

passed = 0
# What floods may add to the resident memory, in MiB: half of it the bodies' own bound (bodyMemory), the rest buffers of
# connections and what the allocator keeps.
MOST = 512


def check(truth, what):
    global passed
    if not truth:
        raise SystemExit(f"floods: NOT SO: {what}")
    passed += 1
    print(f"  ok  {what[:150]}")


class Demo:
    def __init__(self, binary, home):
        flags = ["demo", "--headless", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"]
        self.process = subprocess.Popen([binary, *flags], env={**os.environ, "HOME": home}, stdout=subprocess.PIPE, text=True)
        text = ""
        while "Ctrl-C" not in text:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"floods: the demo ended early: {text}")
            text += line
        self.user = int(re.search(r"user broker\s+http://127.0.0.1:(\d+)", text)[1])
        self.provider = int(re.search(r"provider broker\s+http://127.0.0.1:(\d+)", text)[1])

    def memory(self, which):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"{which}:\s+(\d+) kB", status.read())[1]) // 1024

    def handles(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def ask(port, method, path, body=None, patience=60):
    """An application's request; gives status and body."""
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as stream:
        stream.sendall(head.encode() + f"content-length: {len(data)}\r\n\r\n".encode() + data)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), text.decode(errors="replace")


def pour(port, head, piece, most):
    """Sends a head and then pieces until the listener hangs up; gives the bytes that went out and the first line that came."""
    sent, line = 0, b""
    with connect(port) as stream:
        try:
            stream.sendall(head.encode())
            while sent < most:
                stream.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        try:
            line = stream.recv(4096).split(b"\r\n")[0]
        except OSError:
            pass
    return sent, line.decode(errors="replace")


def together(count, work):
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)


def main():
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as home:
        # The program is started as a shell starts it: with the usual few file handles, of which it may have more.
        demo = Demo(sys.argv[1], home)
        try:
            floods(demo, min(wanted, hard - 500))
        finally:
            demo.process.terminate()
            demo.process.wait(30)
    print(f"floods: {passed} passed, 0 failed")


def floods(demo, connections):
    services = json.loads(ask(demo.user, "GET", "/v1/service")[1])["Items"]
    provider = services[0]["Provider"]
    status, text = ask(demo.user, "POST", "/v1/provider", {"provider": provider, "balance": "1000000000000000"})
    check(status == 204, f"an account (was {status}: {text})")
    paid = f"/v1/provider/{provider}/service/eliza/chat/completions"
    say = {"messages": [{"role": "user", "content": "Say this is a test!"}]}
    start = demo.memory("VmRSS")

    def served(after):
        status, text = ask(demo.user, "POST", paid, say)
        check(status == 200 and "This is a test!" in text, f"a paid call is served after {after} (was {status}: {text[:200]})")
        status, text = ask(demo.provider, "GET", "/v1/overview")
        check(status == 200, f"the provider's owner is served after {after} (was {status}: {text[:200]})")
        now, peak = demo.memory("VmRSS"), demo.memory("VmHWM")
        check(peak - start <= MOST, f"{after}: memory {start} MiB at the start, {now} now, {peak} at its highest")

    served("nothing")
    for port in (demo.user, demo.provider):
        line = f"GET /health HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        together(50, lambda: pour(port, f"{line}x: ", b"a" * 1_000_000, 10_000_000))
        together(50, lambda: pour(port, line, b"x-a: b\r\n" * 10_000, 800_000))
    served("50 headers of 10 MB and 50 times 100,000 headers")

    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    where = {demo.user: (paid, "/v1/chat/completions", "/v1/provider"), demo.provider: ("/v1/voucher", "/v1/service")}
    for port, paths in where.items():
        for path in paths:
            head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            lines = []
            together(20, lambda: lines.append(pour(port, head, chunk, 200 << 20)))
            check(all(sent < 200 << 20 for sent, _ in lines), f"20 bodies without end at {path} are refused: {set(l for _, l in lines)}")
    served("100 bodies without end")

    # Large bodies that are right but for their last byte: all of them are held, somewhere, at the same time.
    body = json.dumps({"model": "eliza", "messages": [{"role": "user", "content": "word " * 600_000}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{demo.user}\r\ncontent-type: application/json\r\n"
    held = []
    for _ in range(60):
        stream = connect(demo.user)
        stream.sendall(head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body[:-1])
        held.append(stream)
    served(f"60 bodies of {len(body) >> 20} MiB wait for their last byte")
    statuses = []

    def end():
        stream = held.pop()
        stream.settimeout(300)
        stream.sendall(body[-1:])
        statuses.append(stream.recv(4096).split(b" ")[1].decode())
        stream.close()

    together(60, end)
    # Served, or told to come again: how many of them is a matter of how fast the machine is.
    check(len(statuses) == 60 and set(statuses) <= {"200", "429", "502", "503"}, f"each has an answer: { {s: statuses.count(s) for s in set(statuses)} }")
    served("the end of these bodies")

    # Byte by byte, on as many connections as there are places but a few.
    slow = [connect(demo.user) for _ in range(1000)]
    for stream in slow:
        stream.sendall(b"GET /v1/provider HTTP/1.1\r\nx: ")
    served("1000 requests that never end")
    for stream in slow:
        stream.close()

    one = f"GET /v1/request HTTP/1.1\r\nhost: 127.0.0.1:{demo.user}\r\n\r\n".encode()

    def pipeline():
        with connect(demo.user) as stream:
            stream.settimeout(5)
            try:
                # Written, and never read.
                for _ in range(2000):
                    stream.sendall(one * 10)
            except OSError:
                pass

    together(30, pipeline)
    served("30 pipelines of 20,000 requests whose answers nobody reads")

    idle = []
    for _ in range(connections):
        try:
            idle.append(socket.create_connection(("127.0.0.1", demo.user), timeout=5))
        except OSError:
            # The queue of the system is full: that is a refusal.
            break
    accepted = demo.handles()
    check(accepted < 4096 + 200, f"of {len(idle)} connections that say nothing, {accepted} handles are taken in all")
    began = time.time()
    # They are hung up on after 10 s, and then somebody else has a place.
    status, _ = ask(demo.user, "GET", "/health", patience=240)
    check(status == 200, f"with {len(idle)} of them somebody else waits {time.time() - began:.0f} s")
    status, text = ask(demo.provider, "POST", "/v1/settle?dryRun=true")
    check(status == 200, f"and the other listener was not touched (was {status}: {text[:100]})")
    for stream in idle:
        stream.close()
    served(f"{len(idle)} connections")


if __name__ == "__main__":
    main()
