"""A day of use, compressed: calls, streams that are left in the middle, uploads, bad requests, lists, settlements, deposits, one after
another without a pause, while memory, handles, threads and files of both brokers are watched.

    python3 tests/by_hand/soak.py target/release/zgserve-tui ANVIL [minutes] [seed]

Both brokers run over anvil as separate processes. A day of one call a second is 86,400 calls; a minute of this is a few hours of that.
Ends with a table and "soak: N passed, 0 failed". What has to hold: no process restarts; memory of the last quarter of the time is that of
the second, within a tenth and 4 MiB; no more handles and threads than after the first tenth; the log of a database stays below its bound;
a database grows by the same bytes for each call; and afterwards both books hold the calls that the client counted, with equal fees.
Needs Python 3 and curl; uses nothing but loopback.
"""

import asyncio
import json
import multiprocessing
import os
import pathlib
import random
import statistics
import sys
import time

from demo import PROVIDER, USER, check, curl, finish, separate, wait_for

CLIENTS = 12
LOOK = 2.0
SETTLE = 20.0
LOG_BOUND = 40 << 20
WORDS = "the provider counts what it sends and the user counts what it gets so that both of them know the same sum".split()
SETTINGS = "settlement:\n  checkInterval: 5\n"


def text(lot, words):
    return " ".join(lot.choice(WORDS) for _ in range(words))


async def serve(reader, writer):
    """An upstream: chat whole and streamed, and a storage that keeps nothing."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
            body = await reader.readexactly(length)
            if b"/store" in head.split(b"\r\n")[0]:
                answer, kind = body[: length // 2] or b"x", b"application/octet-stream"
            elif b'"fail"' in body:
                writer.write(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")
                continue
            elif b'"stream":true' in body:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                for number in range(40):
                    delta = {"choices": [{"index": 0, "delta": {"content": WORDS[number % len(WORDS)] + " "}, "finish_reason": None}]}
                    piece = b"data: " + json.dumps(delta).encode() + b"\n\n"
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    await writer.drain()
                    await asyncio.sleep(0.002)
                piece = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
                writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(piece), piece))
                continue
            else:
                message = {"role": "assistant", "content": text(random, 60)}
                answer = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
                kind = b"application/json"
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (kind, len(answer), answer))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def upstream(port):
    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()
    asyncio.run(run())


class Client:
    """One connection at a time to the user broker."""

    def __init__(self, route, seed, counts):
        self.route, self.lot, self.counts = route, random.Random(seed), counts
        self.reader = self.writer = None

    async def ask(self, method, path, body=b"", kind="application/json", leave_after=None):
        """Gives the status; with `leave_after` it hangs up after so many bytes of the answer."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", 1034, limit=1 << 20)
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:1034\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = int(answer.split()[1])
        lower = answer.lower()
        if leave_after is not None and status == 200:
            await self.reader.read(leave_after)
            return self.hang_up(status)
        if b"transfer-encoding: chunked" in lower:
            while (size := int(await self.reader.readline(), 16)) > 0:
                await self.reader.readexactly(size + 2)
            await self.reader.readline()
        else:
            lines = (line for line in lower.split(b"\r\n") if line.startswith(b"content-length"))
            await self.reader.readexactly(next((int(line.split(b":")[1]) for line in lines), 0))
        if b"connection: close" in lower:
            self.hang_up(status)
        return status

    def hang_up(self, status):
        self.writer.close()
        self.reader = self.writer = None
        return status

    async def run(self, until):
        chat, store, lot = f"{self.route}/llama/chat/completions", f"{self.route}/disk/store", self.lot
        while time.monotonic() < until:
            body = {"messages": [{"role": "user", "content": text(lot, lot.randint(3, 120))}]}
            deed = lot.choices(("call", "stream", "left", "upload", "fails", "refused", "list"), (78, 9, 3, 3, 1, 2, 4))[0]
            expected = 200
            try:
                if deed == "call":
                    status = await self.ask("POST", chat, json.dumps(body).encode())
                elif deed in ("stream", "left"):
                    piece = json.dumps({**body, "stream": True}, separators=(",", ":")).encode()
                    status = await self.ask("POST", chat, piece, leave_after=lot.randint(1, 4000) if deed == "left" else None)
                elif deed == "upload":
                    status = await self.ask("POST", store, lot.randbytes(lot.randint(1, 200_000)), "application/octet-stream")
                elif deed == "fails":
                    status, expected = await self.ask("POST", chat, json.dumps({**body, "user": "fail"}).encode()), 500
                elif deed == "refused":
                    status, expected = await self.ask("POST", chat, b"{" * lot.randint(1, 99)), 400
                else:
                    pages = ("/v1/request?limit=100", "/v1/request?sort=dearest", "/v1/provider", "/v1/service", "/metrics", "/health", "/v1/models")
                    status = await self.ask("GET", lot.choice(pages))
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise SystemExit(f"soak: {deed}: the broker hung up: {error!r}") from error
            self.counts[deed, status] = self.counts.get((deed, status), 0) + 1
            if status != expected and not (deed == "fails" and status == 502):
                raise SystemExit(f"soak: {deed} was answered {status}")


def look(process, folder):
    """Memory of its own in KiB, handles, threads, bytes of the database and of its log."""
    with open(f"/proc/{process.pid}/smaps_rollup") as file:
        memory = sum(int(line.split()[1]) for line in file if line.startswith("Private"))
    handles, threads = len(os.listdir(f"/proc/{process.pid}/fd")), len(os.listdir(f"/proc/{process.pid}/task"))
    data = next(iter(folder.rglob("*.db")))
    log = data.with_name(data.name + "-wal")
    return memory, handles, threads, data.stat().st_size, log.stat().st_size if log.exists() else 0


async def soak(minutes, seed, route, brokers, folders):
    counts, looks = {}, []
    begun = time.monotonic()
    until = begun + minutes * 60
    clients = [asyncio.create_task(Client(route, seed * 1000 + number, counts).run(until)) for number in range(CLIENTS)]

    async def watch():
        while time.monotonic() < until:
            await asyncio.sleep(LOOK)
            looks.append((time.monotonic() - begun, sum(counts.values()), *(look(*pair) for pair in zip(brokers, folders))))

    async def listen():
        while time.monotonic() < until:
            reader, writer = await asyncio.open_connection("127.0.0.1", 1034)
            writer.write(b"GET /v1/events HTTP/1.1\r\nhost: 127.0.0.1:1034\r\n\r\n")
            end = time.monotonic() + 5
            while time.monotonic() < min(end, until):
                try:
                    await asyncio.wait_for(reader.read(65536), 1)
                except TimeoutError:
                    pass
            writer.close()

    async def settle():
        while time.monotonic() + SETTLE < until:
            await asyncio.sleep(SETTLE)
            status, answer = await asyncio.to_thread(curl, "-X", "POST", f"{PROVIDER}/v1/settle")
            counts["settle", status] = counts.get(("settle", status), 0) + 1
            if status not in (200, 202, 409):
                raise SystemExit(f"soak: a settlement was answered {status}: {answer}")

    await asyncio.gather(*clients, watch(), listen(), settle())
    return counts, looks


def quarter(looks, number, side, what):
    part = looks[len(looks) * number // 4 : len(looks) * (number + 1) // 4]
    return statistics.median(look[2 + side][what] for look in part)


def verdict(looks):
    for side, name in enumerate(("provider", "user")):
        early, late = quarter(looks, 1, side, 0), quarter(looks, 3, side, 0)
        check(late <= early * 1.1 + 4096, f"{name}: memory of its own {early / 1024:.1f} MiB in the second quarter, {late / 1024:.1f} in the last")
        tenth = max(1, len(looks) // 10)
        for what, word in ((1, "handles"), (2, "threads")):
            first, most = max(look[2 + side][what] for look in looks[:tenth]), max(look[2 + side][what] for look in looks[tenth:])
            check(most <= first + CLIENTS, f"{name}: {word} at most {first} in the first tenth, {most} after")
        log = max(look[2 + side][4] for look in looks)
        check(log < LOG_BOUND, f"{name}: the log of the database is at most {log / 2**20:.1f} MiB")
        half = len(looks) // 2
        sizes = [(looks[to][2 + side][3] - looks[at][2 + side][3]) / (looks[to][1] - looks[at][1]) for at, to in ((len(looks) // 8, half), (half, -1))]
        check(sizes[1] <= sizes[0] * 1.25, f"{name}: the database grows {sizes[0]:.0f} bytes a call in the first half, {sizes[1]:.0f} in the second")


def main():
    binary, anvil = sys.argv[1], sys.argv[2]
    minutes, seed = float(sys.argv[3]) if len(sys.argv) > 3 else 10.0, int(sys.argv[4]) if len(sys.argv) > 4 else 1
    port = multiprocessing.Value("i", 0)
    model = multiprocessing.Process(target=upstream, args=(port,), daemon=True)
    model.start()
    wait_for(lambda: port.value, "the upstream")
    with separate(binary, anvil, provider=SETTINGS) as running:
        url = f"http://127.0.0.1:{port.value}"
        for name, kind in (("llama", "chatbot"), ("disk", "zgStorage")):
            service = {"Name": name, "Type": kind, "URL": url, "inputPrice": 100, "outputPrice": 100}
            curl("-X", "POST", f"{PROVIDER}/v1/service", "-H", "Content-Type: application/json", "-d", json.dumps(service), expect=204)
        services = wait_for(lambda: (s := curl(f"{USER}/v1/service")[1]["Items"]) and len(s) >= 2 and s, "the services")
        provider = services[0]["Provider"]
        body = json.dumps({"provider": provider, "balance": str(10**18)})
        curl("-X", "POST", f"{USER}/v1/provider", "-H", "Content-Type: application/json", "-d", body, expect=204)
        route = f"/v1/provider/{provider}/service"
        folders = [next(folder for folder in pathlib.Path(running.home).rglob("*.db") if role in str(folder)).parent for role in ("provider", "user")]
        counts, looks = asyncio.run(soak(minutes, seed, route, running.brokers, folders))
        check(all(broker.poll() is None for broker in running.brokers), "both brokers are still running")

        def over():
            pages = [curl(f"{USER}/v1/request?limit=1&status={status}")[1]["Metadata"]["total"] for status in ("reserved", "sent", "unconfirmed")]
            return sum(pages) == 0
        wait_for(over, "every call to end", 120)
        mine, theirs = curl(f"{USER}/v1/request?limit=1")[1], curl(f"{PROVIDER}/v1/request?limit=1")[1]
        made = sum(count for (deed, _), count in counts.items() if deed in ("call", "stream", "left", "upload", "fails"))
        refused = sum(count for (deed, _), count in counts.items() if deed == "refused")
        held = mine["Metadata"]["total"]
        check(held == made + refused, f"the user's book holds the {made + refused} calls that were made (it holds {held})")
        held = theirs["Metadata"]["total"]
        check(held == made, f"the provider's holds all but the {refused} that it refused (it holds {held})")
        check(mine["Fee"] == theirs["Fee"], f"both say the same fees ({mine['Fee']} and {theirs['Fee']} neuron)")
        for deed, count in sorted(counts.items()):
            print(f"  {deed[0]:8} {deed[1]} {count:9}")
        verdict(looks)
    finish()


if __name__ == "__main__":
    main()
