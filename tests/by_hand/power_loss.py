"""Cuts the power at every sync of the disk, and looks whether what was promised is still there.

    python3 tests/by_hand/power_loss.py target/release/zgserve-tui             # short: under 90 s
    python3 tests/by_hand/power_loss.py target/release/zgserve-tui --rounds 20 --variants 8 --seed 7

Runs the embedded chain, a provider broker and a user broker, both under `strace`, while requests, uploads, deposits, a refund and
settlements go through them; each is killed once with requests in flight and started again. Afterwards it takes each sync of either broker in turn and rebuilds the disk as it surely was just
before it, and as it may have been: unsynced writes there, missing, or torn at the sector (seeded). Each such disk is opened with
SQLite as it is, without any repair: the file must be whole, every sum must be that of its rows, and everything that had left the
process before (vouchers, authorisations, receipts, first bytes of answers, transactions, answers to applications) must be in it.
Every twentieth disk is also looked at by the program's own `doctor`. Needs Python 3, curl and strace (`apt-get install strace`).
"""

import argparse
import base64
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from disk_record import Disk, Recorder, events

# the embedded chain's own test keys, the well-known ones
KEYS = {"provider": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "user": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"}
PRICE = 10**9
DOCTOR_EVERY = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service(BaseHTTPRequestHandler):
    """A model server and a store of files: enough to be paid for."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.startswith("/files"):
            return self.answer(b"kept", "text/plain")
        asked = json.loads(body)
        if asked.get("stream"):
            words = "".join(f'data: {json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]})}\n\n'
                            for word in ["one ", "two ", "three"])
            return self.answer((words + "data: [DONE]\n\n").encode(), "text/event-stream")
        message = {"role": "assistant", "content": "This is a test!"}
        self.answer(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode())

    def do_GET(self):
        self.answer(b"x" * (1 << 20) * 2, "application/octet-stream")

    def answer(self, data, kind="application/json"):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Whoever asked was killed."""


def fail(text):
    raise SystemExit(f"power_loss: NOT SO: {text}")


def curl(*words, expect=(200, 202, 204)):
    run = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *words], capture_output=True, timeout=180)
    if run.returncode != 0:
        fail(f"curl {' '.join(words)}: {run.stderr.decode(errors='replace')}")
    body, status = run.stdout.rsplit(b"\n", 1)
    if int(status) not in expect:
        fail(f"{' '.join(words)[:120]} answers {int(status)}: {body[:300]}")
    return json.loads(body) if body[:1] in (b"{", b"[") else body


def post(url, body=None, **more):
    words = ["-X", "POST", url]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return curl(*words, **more)


def wait_for(condition, what, seconds=120):
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    fail(f"waited {seconds} s in vain for {what}")


def up(url):
    return wait_for(lambda: subprocess.run(["curl", "-sf", f"{url}/health"], capture_output=True).returncode == 0, url)


class Run:
    """Chain and brokers at work, recorded."""

    def __init__(self, binary, home):
        self.binary, self.home = binary, home
        self.environment = {**os.environ, "HOME": home}
        self.chain, self.provider, self.user = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        self.recorders = {"provider": [], "user": []}

    def settings(self, role, listen, more):
        data = os.path.join(self.home, f"{role}-data")
        path = os.path.join(self.home, f"{role}.yaml")
        with open(path, "w") as file:
            file.write(f'privateKeys: "{KEYS[role]}"\nlisten: "{listen}"\ndataDir: "{data}"\n{more}'
                       f'chain:\n  rpcUrl: "{self.chain}"\n  pollInterval: 100\n')
        return path

    def work(self, rounds):
        devnet = subprocess.Popen([self.binary, "devnet", "--listen", self.chain[7:], "--lock-time", "60"], env=self.environment,
                                  cwd=self.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        service = Server(("127.0.0.1", 0), Service)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        try:
            wait_for(lambda: subprocess.run(["curl", "-s", self.chain], capture_output=True).returncode == 0, "the chain")
            self.more = {"provider": f'servingUrl: "{self.provider}"\ncreditLimit: "{1000 * PRICE}"\nsettlement:\n  automatic: false\n'}
            self.start("provider"), self.start("user")
            self.business(rounds, f"http://127.0.0.1:{service.server_address[1]}")
            for role in ("user", "provider"):
                if (code := self.recorders[role][-1].stop()) != 0:
                    fail(f"the {role} broker ends with {code}")
        except (SystemExit, Exception):
            for role in self.recorders:
                with open(os.path.join(self.home, f"{role}.log")) as log:
                    print(f"== {role}\n{log.read()[-2000:]}", file=sys.stderr)
            raise
        finally:
            for recorder in sum(self.recorders.values(), []):
                recorder.process.kill()
            devnet.kill()
            devnet.wait()

    def start(self, role):
        words, url = {"provider": (["provider"], self.provider), "user": (["--headless"], self.user)}[role]
        path = self.settings(role, url[7:], self.more.get(role, ""))
        with open(os.path.join(self.home, f"{role}.log"), "a") as log:
            record = os.path.join(self.home, f"{role}-{len(self.recorders[role])}.strace")
            self.recorders[role].append(Recorder([self.binary, *words, "--config", path], record, env=self.environment,
                                                 cwd=self.home, stdout=log, stderr=log))
        up(url)

    def kill(self, role, call):
        """Ends a broker with requests in flight, and starts it again."""
        with ThreadPoolExecutor(4) as pool:
            def try_it():
                with contextlib.suppress(SystemExit):
                    call()
            for _ in range(4):
                pool.submit(try_it)
            time.sleep(0.05)
            self.recorders[role][-1].stop(signal.SIGKILL)
        self.start(role)

    def business(self, rounds, upstream):
        for name, kind, path in (("chat", "chatbot", ""), ("files", "zgStorage", "/files")):
            post(f"{self.provider}/v1/service", {"URL": upstream + path, "inputPrice": str(PRICE), "outputPrice": str(PRICE),
                                                "Type": kind, "Name": name})
        listed = wait_for(lambda: [s for s in curl(f"{self.user}/v1/service")["Items"]], "the services")
        provider = listed[0]["Provider"]
        wait_for(lambda: len(curl(f"{self.user}/v1/service")["Items"]) == 2, "both services")
        post(f"{self.user}/v1/provider", {"provider": provider, "balance": str(10**18)})
        base = f"{self.user}/v1/provider/{provider}"
        chat = {"messages": [{"role": "user", "content": "Say this is a test!"}], "max_tokens": 50}

        def settled():
            rows = curl(f"{self.user}/v1/request?limit=1000")["Items"]
            # Of what died on its way nobody knows; it is held until its authorisation is over.
            return all(row["Status"] not in ("reserved", "sent") for row in rows)
        for turn in range(rounds):
            with ThreadPoolExecutor(4) as pool:
                calls = [pool.submit(post, f"{base}/service/chat/chat/completions", {**chat, "stream": number % 2 == 0})
                         for number in range(6)]
                calls.append(pool.submit(post, f"{base}/service/files/a", chat))
                for call in calls:
                    call.result()
            curl(f"{base}/service/files/a")
            if turn % 2 == 0:
                post(f"{base}/charge", {"balance": str(10**15 + turn)})
                wait_for(settled, "every receipt")
                post(f"{self.provider}/v1/settle")
            if turn < 2:
                self.kill(("user", "provider")[turn], lambda: post(f"{base}/service/chat/chat/completions", chat))
        post(f"{base}/refund", {"amount": str(10**15)})
        post(f"{base}/refund/cancel")


def fields(text, *widths):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    parts, at = [], 0
    for width in widths:
        parts.append(data[at:at + width])
        at += width
    return parts


def number(data):
    return int.from_bytes(data, "big")


B64 = rb"([A-Za-z0-9_-]{80,})"
OUT = re.compile(rb"zg-voucher: " + B64 + rb"\r\n|zg-request: " + B64 + rb"\r\n|\"voucher\":\"" + B64 + rb"\"|zg-receipt: " + B64 +
                 rb"\r\n|: zg-receipt " + B64 + rb"\n|\"receipt\":\"" + B64 + rb"\"|eth_sendRawTransaction\",\"params\":\[\"0x([0-9a-f]+)\"|"
                 rb"zg-operation-id: ([0-9a-f-]+)\r\n|\{\"cumulative\":\"(\d+)\"|HTTP/1\.1 (\d{3}) ", re.I)
ASKED = re.compile(rb"zg-request: " + B64 + rb"\r\n", re.I)
PAID = re.compile(rb"zg-voucher: " + B64 + rb"\r\n", re.I)
FEE = re.compile(rb"zg-fee: (\d+)\r\n", re.I)
ID = re.compile(rb"zg-request-id: (?:0x)?([0-9a-f]{64})\r\n", re.I)


class Promises:
    """What left a process, by which it will be measured: each is a row that has to be there, or a sum that is no less."""

    def __init__(self, role):
        self.role = role
        self.least = {}      # (table column, account) -> amount
        self.rows = set()    # requests that have to be there
        self.fees = {}       # request -> fee that was stated
        self.raws = set()    # transactions that were broadcast
        self.operations = set()
        self.streams, self.asked = {}, {}
        self.count = 0

    def received(self, wire, data):
        for found in ASKED.finditer(data):
            paid = PAID.search(data)
            self.asked[wire] = fields(found.group(1).decode(), 32)[0], paid and fields(paid.group(1).decode(), 20, 20, 4, 16)

    def sent(self, wire, data):
        before, text = self.streams.get(wire, b""), data
        text = before + data
        for found in OUT.finditer(text):
            if found.end() > len(before):
                self.make(wire, found, text)
        self.streams[wire] = text[-8192:]

    def at_least(self, what, account, amount):
        key = (what, account)
        self.least[key] = max(self.least.get(key, 0), amount)

    def make(self, wire, found, text):
        header, auth, pushed, *receipts, raw, operation, cumulative, answer = found.groups()
        receipt = next((one for one in receipts if one), None)
        self.count += 1
        if self.role == "user" and (header or pushed):
            user, provider, _, amount = fields((header or pushed).decode(), 20, 20, 4, 16)
            self.at_least("authorized", user + provider, number(amount))
        elif self.role == "user" and auth:
            self.rows.add(fields(auth.decode(), 32)[0])
        elif self.role == "provider" and receipt:
            request, user, provider, _, _, _, _, input_fee, output_fee, owed = fields(
                receipt.decode(), 32, 20, 20, 32, 32, 8, 8, 16, 16, 16)
            self.fees[request] = number(input_fee) + number(output_fee)
            self.at_least("owed", user + provider, number(owed))
        elif raw:
            self.raws.add(bytes.fromhex(raw.decode()))
        elif operation:
            self.operations.add(bytes.fromhex(operation.decode().replace("-", "")))
        elif cumulative and self.role == "provider":
            self.at_least("voucher_cumulative", None, int(cumulative))
        elif answer and self.role == "provider" and wire in self.asked:
            # Not one byte of an answer leaves before its request is on the disk.
            request, paid = self.asked.pop(wire)
            if answer != b"200":
                return
            self.rows.add(request)
            if paid:
                user, provider, _, amount = paid
                self.at_least("voucher_cumulative", user + provider, number(amount))
        elif answer == b"200" and self.role == "user":
            head = text[found.start():]
            named, fee = ID.search(head), FEE.search(head)
            if named and fee:
                self.fees[bytes.fromhex(named.group(1).decode())] = int(fee.group(1))
        else:
            self.count -= 1

    def check(self, db):
        """What of it is missing from a database."""
        missing = []
        for (column, account), amount in self.least.items():
            rows = db.execute(f"SELECT user, provider, {column} FROM accounts").fetchall()
            found = [number(row[2]) for row in rows if row[2] and (account is None or row[0] + row[1] == account)]
            if max(found, default=0) < amount:
                missing.append(f"{column} is {max(found, default=0)}, but {amount} was promised")
        known = {row[0]: row for row in db.execute("SELECT id, state, fee FROM requests")}
        missing += [f"request {one.hex()} is not there" for one in self.rows if one not in known]
        for request, fee in self.fees.items():
            state, booked = known[request][1:] if request in known else (None, b"")
            if state not in ("done", "disputed", "charged", "failed") or number(booked) != fee:
                missing.append(f"request {request.hex()} is {state} at {number(booked)}, but its fee was stated as {fee}")
        raws = {row[0] for row in db.execute("SELECT raw FROM attempts")}
        missing += [f"a transaction of {len(one)} bytes was broadcast and is not there" for one in self.raws if one not in raws]
        operations = {row[0] for row in db.execute("SELECT id FROM operations")}
        missing += [f"operation {one.hex()} was answered and is not there" for one in self.operations if one not in operations]
        return missing


def audit(db, role):
    """The file and the sums, as the broker's own audit has them."""
    wrong = [row[0] for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    wrong += [f"a row of {row[0]} refers to nothing" for row in db.execute("PRAGMA foreign_key_check")]
    owed, totals, services, days, spent = {}, {}, {}, {}, {}
    # The power may go between two migrations: before the last one all rows were in the sums, since then those that are filed.
    filed = "filed" if "filed" in {row[1] for row in db.execute("PRAGMA table_info(requests)")} else None

    def add(sums, key, fee):
        count, sum_ = sums.get(key, (0, 0))
        sums[key] = (count + 1, sum_ + fee)
    for user, provider, service, state, at, fee, counted in db.execute(
            f"SELECT user, provider, service, state, created_at, fee, {filed or 1} FROM requests"):
        fee, day = number(fee), at // 86_400_000_000
        owed[user + provider] = owed.get(user + provider, 0) + fee
        if counted:
            add(totals, (user, provider, service, state), fee)
            add(services, (service, state), fee)
            add(days, (day, service, state), fee)
            if fee:
                spent[(day, provider)] = spent.get((day, provider), 0) + fee
    columns = {row[1] for row in db.execute("PRAGMA table_info(accounts)")}
    carried = "carried" if "carried" in columns else "x'00'"
    for user, provider, sum_, apart in db.execute(f"SELECT user, provider, owed, {carried} FROM accounts"):
        if number(sum_) - number(apart) != owed.pop(user + provider, 0):
            wrong.append("an account's owed is not the sum of its requests")
    if any(owed.values()):
        wrong.append("there are fees of an account that is not there")
    tables = {"request_totals": ("user, provider, service, state", totals)}
    if filed:
        tables |= {"service_totals": ("service, state", services), "service_days": ("day, service, state", days)}
    for table, (key, sums) in tables.items():
        kept = {tuple(row[:-3]): (row[-3], number(row[-2]) + number(row[-1])) for row in db.execute(
            f"SELECT {key}, count, input_fee, output_fee FROM {table} WHERE count > 0")}
        if kept != sums:
            wrong.append(f"the sums of {table} are not those of the rows")
    if role == "user":
        source = "request_days" if filed else "spend_days"
        fee = "input_fee, output_fee" if filed else "fee, x'00'"
        kept = {}
        for day, provider, one, other in db.execute(f"SELECT day, provider, {fee} FROM {source}"):
            if number(one) + number(other):
                kept[(day, provider)] = kept.get((day, provider), 0) + number(one) + number(other)
        if kept != spent:
            wrong.append("a day's spending is not that of its rows")
    return wrong


class Judge:
    """Opens the disks that a power cut could have left, and counts."""

    def __init__(self, run, role, options):
        self.run, self.role, self.options = run, role, options
        self.root = os.path.join(run.home, f"{role}-data")
        self.disk, self.promises = Disk(self.root), Promises(role)
        self.chance = random.Random(f"{options.seed} {role}")
        self.sure = self.maybe = self.doctors = self.syncs = 0
        self.seen_keys = {}

    def judge(self):
        for event in (event for recorder in self.run.recorders[self.role] for event in events(recorder.record)):
            kind = event[1]
            if kind == "synced" and event[2] and event[2].startswith(self.root):
                self.syncs += 1
                self.cut(event[0])
            if kind == "sent":
                self.promises.sent(event[2], event[3])
            elif kind == "received":
                self.promises.received(event[2], event[3])
            else:
                self.disk.take(event)
        self.cut("the end")

    def cut(self, moment):
        self.open(moment, None)
        self.sure += 1
        if self.disk.unsynced():
            for _ in range(self.options.variants):
                self.open(moment, self.chance)
                self.maybe += 1

    def open(self, moment, chance):
        wanted = lambda name: not name.endswith("-shm") and "/spool/" not in name
        with tempfile.TemporaryDirectory() as place:
            os.chmod(place, 0o700)
            self.disk.image(place, wanted, chance)
            for name in os.listdir(place):
                os.chmod(os.path.join(place, name), 0o600)
            self.keys(place, moment)
            path = os.path.join(place, f"{self.role}.db")
            if not os.path.exists(path):
                return self.nothing_promised(moment)
            doctored = self.doctors * DOCTOR_EVERY < self.sure + self.maybe
            if doctored:
                copy = place + "-doctor"
                shutil.copytree(place, copy)
            try:
                db = sqlite3.connect(path)
                tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema")}
                if "requests" not in tables:
                    self.nothing_promised(moment)
                    wrong = []
                else:
                    wrong = audit(db, self.role) + self.promises.check(db)
                db.close()
                if doctored and "requests" in tables and not wrong:
                    self.doctors += 1
                    wrong = self.doctor(copy)
            except sqlite3.Error as error:
                wrong = [f"it does not open: {error}"]
            finally:
                if doctored:
                    shutil.rmtree(copy)
            if wrong:
                keep = os.path.join(tempfile.gettempdir(), f"power-loss-{self.role}-{moment}")
                shutil.copytree(place, keep, dirs_exist_ok=True)
                fail(f"{self.role}, line {moment} of the record, seed {self.options.seed} ({'torn' if chance else 'sure'}): "
                     f"{'; '.join(wrong[:5])}; kept in {keep}")

    def nothing_promised(self, moment):
        if self.promises.count:
            fail(f"{self.role}, line {moment}: there is no database, but {self.promises.count} promises were made")

    def keys(self, place, moment):
        """A key file is whole under its name, and stays as it was; before a delegate is named to the chain it is there."""
        for name in os.listdir(place):
            if name.endswith(".key"):
                with open(os.path.join(place, name), "rb") as file:
                    content = file.read()
                if self.seen_keys.setdefault(name, content) != content or len(content.strip()) < 64:
                    fail(f"{self.role}, line {moment}: {name} has {len(content)} bytes")
        if self.role == "user" and self.promises.raws and not any(name.endswith(".key") for name in self.seen_keys):
            fail(f"user, line {moment}: a delegate was named to the chain before its key was on the disk")

    def doctor(self, place):
        words = [self.run.binary, "doctor", self.role, "--data-dir", place, "--rpc-url", "http://127.0.0.1:1"]
        seen = subprocess.run(words, env=self.run.environment, cwd=place, capture_output=True, text=True, timeout=60)
        line = next((line for line in seen.stdout.splitlines() if " books: " in line), "it says nothing of books")
        return [] if line.startswith("ok ") else [f"doctor: {line}"]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("binary")
    options.add_argument("--rounds", type=int, default=3, help="how much is done")
    options.add_argument("--variants", type=int, default=2, help="disks with torn writes for each sync")
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    if not shutil.which("strace"):
        fail("there is no strace here; `apt-get install strace`")
    began = time.time()
    with tempfile.TemporaryDirectory() as home:
        run = Run(os.path.abspath(options.binary), home)
        run.work(options.rounds)
        recorded = time.time()
        print(f"recorded in {recorded - began:.0f} s")
        for role in ("provider", "user"):
            judge = Judge(run, role, options)
            judge.judge()
            if judge.syncs < 20 or judge.promises.count < 20:
                fail(f"{role}: {judge.syncs} syncs and {judge.promises.count} promises are too few to show anything")
            print(f"{role}: {judge.syncs} syncs, {judge.promises.count} promises; {judge.sure} disks without what was not synced, "
                  f"{judge.maybe} with torn or missing writes, {judge.doctors} of them seen by doctor; 0 broken")
    print(f"power_loss: seed {options.seed}, {time.time() - began:.0f} s, 0 broken")


if __name__ == "__main__":
    main()
