"""What grows with the books: the same questions to brokers with 1,000 requests and 10 accounts, and with a million and 10,000.

    python3 tests/by_hand/scale.py target/release/zgserve-tui ANVIL [requests] [accounts]

Starts anvil (at the path ANVIL), the contract, a provider broker and a user broker, each a process of its own, twice. The accounts are
real ones: deposits on the chain, of one user with every provider and of every user with one provider. The user's name a delegate each, whose
key is in a file of its own as the broker would have made it (with the same digits in all of them, so that nothing has to be reckoned). The requests are written
into the closed databases, a provider's calls as charged and a user's as done, two months of them, filed as the brokers would
(src/store/filing.rs); the brokers' own audit (`doctor`) then has to find nothing wrong. Prints for each question the median time
of both and their ratio. Nothing is enforced but that all is answered. Needs Python 3 and curl; uses nothing but loopback.
"""

import contextlib
import http.client
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

from demo import CHAIN, PROVIDER, USER, check, curl, finish, rpc, wait_for
from procedure import Model

KEYS = {"provider": ("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        "user": ("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")}
DELEGATE = ("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
ADD_ACCOUNT = "0x49b51b17"  # addAccount(address,address)
DEPOSIT = 10**15
DAYS = 60
DAY = 86_400_000_000
INPUT, OUTPUT = 1_000, 2_000  # fees of each request, in neuron


def amount(number):
    return int(number).to_bytes(16, "big")


def stranger(side, number):
    return (b"\x5c" + side + number.to_bytes(18, "big")).hex()


def deposit(contract, accounts):
    """Accounts on the chain: of the user with `accounts` providers, of `accounts` users with the provider."""
    user, provider = KEYS["user"][1], KEYS["provider"][1]
    pad = lambda address: address.removeprefix("0x").lower().rjust(64, "0")
    batch = []

    def send():
        nonlocal batch
        connection = http.client.HTTPConnection("127.0.0.1", 8545, timeout=120)
        calls = [{"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, (method, params) in enumerate(batch)]
        connection.request("POST", "/", json.dumps(calls), {"Content-Type": "application/json"})
        answers = json.loads(connection.getresponse().read())
        refused = [answer["error"] for answer in answers if "error" in answer]
        if refused:
            raise SystemExit(f"scale: the chain refuses: {refused[0]}")
        batch = []

    rpc("anvil_impersonateAccount", user)
    rpc("anvil_setBalance", user, hex(10**24))
    rpc("evm_setAutomine", False)
    for number in range(accounts):
        other = "0x" + stranger(b"\x01", number)
        call = lambda of, to, delegate="0x0": {"from": of, "to": contract, "value": hex(DEPOSIT), "gas": "0x7a120",
                                               "data": ADD_ACCOUNT + pad(to) + pad(delegate)}
        batch.append(("eth_sendTransaction", [call(user, "0x" + stranger(b"\x02", number), DELEGATE[1])]))
        batch += [("anvil_impersonateAccount", [other]), ("anvil_setBalance", [other, hex(10**18)]),
                  ("eth_sendTransaction", [call(other, provider)])]
        if len(batch) >= 80:
            send()
            rpc("evm_mine")
    if batch:
        send()
    rpc("evm_mine")
    rpc("evm_setAutomine", True)


def keep_delegates(data, contract, accounts):
    """A key file for each account of the user, named as src/keys/delegate.rs does it."""
    directory = data / "delegates"
    directory.mkdir(mode=0o700, exist_ok=True)
    private = lambda path, flags: os.open(path, flags, mode=0o600)
    for number in range(accounts):
        name = f"31337-{contract.lower()}-{KEYS['user'][1].lower()}-0x{stranger(bytes([2]), number)}.key"
        with open(directory / name, "w", opener=private) as file:
            file.write(DELEGATE[0] + "\n")


def fill(path, role, requests, accounts):
    """Requests in a closed database, with all sums."""
    books = sqlite3.connect(path)
    books.create_function("amount", 1, amount, deterministic=True)
    books.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TEMP TABLE parties (number INTEGER PRIMARY KEY, user BLOB, provider BLOB)")
    own = [bytes.fromhex(KEYS[side][1][2:]) for side in ("user", "provider")]
    parties = [(n, own[0], bytes.fromhex(stranger(b"\x02", n))) if role == "user" else (n, bytes.fromhex(stranger(b"\x01", n)), own[1])
               for n in range(accounts)]
    books.executemany("INSERT INTO parties VALUES (?, ?, ?)", parties)
    newest = int(time.time() * 1e6) - 3_600_000_000
    state = "done" if role == "user" else "charged"
    more, values = ("response_hash, disputed", "zeroblob(32), zeroblob(16)") if role == "user" else (
        "response_hash, status, owed_after", f"zeroblob(32), 0, amount((i / {accounts} + 1) * {INPUT + OUTPUT})")
    books.execute(f"""
        INSERT INTO requests (id, user, provider, service, created_at, finished_at, state, input_units, output_units, input_fee,
            output_fee, fee, max_fee, price_version, input_price, output_price, body_hash, filed, {more})
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {requests})
        SELECT randomblob(32), user, provider, iif(i % 10 = 0, 'other', 'llama'),
            {newest - DAYS * DAY} + i * {DAYS * DAY // requests}, {newest - DAYS * DAY} + i * {DAYS * DAY // requests} + 500000,
            iif(i % 500 = 499, 'failed', '{state}'), 10, 20, amount(iif(i % 500 = 499, 0, {INPUT})), amount(iif(i % 500 = 499, 0, {OUTPUT})),
            amount(iif(i % 500 = 499, 0, {INPUT + OUTPUT})), amount(100000), 1, amount(100), amount(100), zeroblob(32), 1, {values}
        FROM n JOIN parties ON number = i % {accounts}""")
    sums = f"count(*), amount(sum(state <> 'failed') * {INPUT}), amount(sum(state <> 'failed') * {OUTPUT})"
    clean = "DELETE FROM {0}; INSERT INTO {0}"
    books.executescript(f"""
        {clean.format('request_totals')} SELECT user, provider, service, state, {sums} FROM requests GROUP BY 1, 2, 3, 4;
        {clean.format('service_totals')} SELECT service, state, {sums} FROM requests GROUP BY 1, 2;
        {clean.format('service_days')} SELECT created_at / {DAY}, service, state, {sums} FROM requests GROUP BY 1, 2, 3;
        CREATE TEMP TABLE owed AS SELECT user, provider, amount(sum(state <> 'failed') * {INPUT + OUTPUT}) AS sum FROM requests GROUP BY 1, 2;
        UPDATE accounts SET owed = (SELECT sum FROM owed WHERE owed.user = accounts.user AND owed.provider = accounts.provider)
        WHERE EXISTS (SELECT 1 FROM owed WHERE owed.user = accounts.user AND owed.provider = accounts.provider)""")
    if role == "user":
        books.executescript(f"""
            UPDATE accounts SET authorized = max(authorized, owed);
            DELETE FROM request_days;
            INSERT INTO request_days SELECT created_at / {DAY}, user, provider, service, sum(state <> 'failed'), sum(state = 'failed'),
                10 * sum(state <> 'failed'), 20 * sum(state <> 'failed'), amount(sum(state <> 'failed') * {INPUT}),
                amount(sum(state <> 'failed') * {OUTPUT}), zeroblob(16) FROM requests GROUP BY 1, 2, 3, 4""")
    books.commit()
    books.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    books.close()


def asked(url, times=15):
    """Median time of a question in ms, over one connection as a screen has it."""
    host, path = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(host, timeout=120)
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        connection.request("GET", "/" + path)
        answer = connection.getresponse()
        body = answer.read()
        taken.append((time.perf_counter() - begun) * 1e3)
        if answer.status != 200:
            raise SystemExit(f"scale: {url} answers {answer.status}: {body[:300]}")
    return statistics.median(taken)


def measure(binary, anvil, requests, accounts):
    found = {}
    running = {}
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home}

        def start(name, *words):
            with open(os.path.join(home, f"{name}.log"), "a") as log:
                running[name] = subprocess.Popen(words, env=environment, cwd=home, stdout=log, stderr=log)

        def broker(role):
            begun = time.perf_counter()
            start(role, *([binary, "provider"] if role == "provider" else [binary, "--headless"]), "--data-dir", f"{home}/{role}-data")
            url = PROVIDER if role == "provider" else USER
            wait_for(lambda: subprocess.run(["curl", "-sf", f"{url}/health"], capture_output=True).returncode == 0, f"the {role} broker", 120)
            return (time.perf_counter() - begun) * 1e3

        def stop(role):
            running[role].terminate()
            check(running[role].wait(60) == 0, f"the {role} broker stops")

        try:
            start("chain", anvil, "--port", "8545", "--silent")
            wait_for(lambda: subprocess.run(["curl", "-s", CHAIN], capture_output=True).returncode == 0, "anvil")
            for role, (key, _) in KEYS.items():
                os.makedirs(os.path.join(home, role))
                more = f'servingUrl: "{PROVIDER}"\n' if role == "provider" else ""
                with open(os.path.join(home, role, "config.local.yaml"), "w") as file:
                    file.write(f'{more}privateKeys: "{key}"\nchain:\n  rpcUrl: "{CHAIN}"\n')
            deployed = subprocess.run([binary, "deploy", "--lock-time", "86400"], env=environment, cwd=home, capture_output=True, text=True, timeout=60)
            contract = deployed.stdout.strip()
            for role in KEYS:
                with open(os.path.join(home, role, "config.local.yaml"), "a") as file:
                    file.write(f'  contract: "{contract}"\n')
            begun = time.time()
            deposit(contract, accounts)
            print(f"  {2 * accounts} deposits on the chain in {time.time() - begun:.0f} s")
            for role in KEYS:
                broker(role)
            service = {"Name": "llama", "Type": "chatbot", "URL": f"http://127.0.0.1:{model.server_port}", "inputPrice": 100, "outputPrice": 100}
            curl("-X", "POST", f"{PROVIDER}/v1/service", "-H", "Content-Type: application/json", "-d", json.dumps(service), expect=204)
            wait_for(lambda: len(curl(f"{USER}/v1/provider?limit=1000")[1]["Items"]) >= min(accounts, 1000), "the accounts", 120)
            wait_for(lambda: len(curl(f"{PROVIDER}/v1/user?limit=1000")[1]["Items"]) >= min(accounts, 1000), "the users", 120)
            for role in KEYS:
                stop(role)
            begun = time.time()
            for role in KEYS:
                database = next(pathlib.Path(home, f"{role}-data").rglob("*.db"))
                fill(database, role, requests, accounts)
                if role == "user":
                    keep_delegates(database.parent, contract, accounts)
            print(f"  {requests} requests written to both databases in {time.time() - begun:.0f} s")
            for role in KEYS:
                found[f"{role}: start to the first answer"] = broker(role)
            # Many accounts are read from the chain behind the start, which is not what is asked about.
            time.sleep(5)
            user, provider, month = KEYS["user"][1], KEYS["provider"][1], time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 30 * 86400))
            cursor = curl(f"{USER}/v1/request?limit=100&sort=dearest")[1]["Metadata"].get("Next")
            questions = {
                "user: newest 100 requests": f"{USER}/v1/request?limit=100",
                "user: 100 requests by fee": f"{USER}/v1/request?limit=100&sort=dearest",
                "user: failed requests": f"{USER}/v1/request?limit=100&status=failed",
                "user: requests of a service": f"{USER}/v1/request?limit=100&service=other",
                "user: requests of a provider": f"{USER}/v1/request?limit=10&provider=0x{stranger(bytes([2]), 1)}",
                "user: requests of a provider and state": f"{USER}/v1/request?limit=10&status=done&provider=0x{stranger(bytes([2]), 1)}",
                "user: a provider's of 30 days and a state": f"{USER}/v1/request?limit=10&status=done&from={month}&provider=0x{stranger(bytes([2]), 1)}",
                "user: requests of a service by fee": f"{USER}/v1/request?limit=100&service=llama&sort=dearest",
                "user: requests of 30 days": f"{USER}/v1/request?limit=100&from={month}",
                "user: 100 accounts": f"{USER}/v1/provider?limit=100",
                "user: services": f"{USER}/v1/service",
                "user: metrics": f"{USER}/metrics",
                "user: health": f"{USER}/health",
                "provider: newest 100 requests": f"{PROVIDER}/v1/request?limit=100",
                "provider: 100 requests by fee": f"{PROVIDER}/v1/request?limit=100&sort=dearest",
                "provider: failed requests": f"{PROVIDER}/v1/request?limit=100&status=failed",
                "provider: requests of a user": f"{PROVIDER}/v1/request?limit=10&user=0x{stranger(bytes([1]), 1)}",
                "provider: requests of a user and service": f"{PROVIDER}/v1/request?limit=10&service=llama&user=0x{stranger(bytes([1]), 1)}",
                "provider: requests of 30 days": f"{PROVIDER}/v1/request?limit=100&from={month}",
                "provider: 100 users": f"{PROVIDER}/v1/user?limit=100",
                "provider: one user": f"{PROVIDER}/v1/user/0x{stranger(bytes([1]), 1)}",
                "provider: overview": f"{PROVIDER}/v1/overview",
                "provider: settlements": f"{PROVIDER}/v1/settlement",
                "provider: metrics": f"{PROVIDER}/metrics",
                "provider: health": f"{PROVIDER}/health",
            }
            if cursor:
                questions["user: second page by fee"] = f"{USER}/v1/request?limit=100&sort=dearest&cursor={cursor}"
            for name, url in questions.items():
                found[name] = asked(url)
            begun = time.perf_counter()
            curl("-X", "POST", f"{PROVIDER}/v1/settle?dryRun=true")
            found["provider: settlement, what it would take"] = (time.perf_counter() - begun) * 1e3
            for role in KEYS:
                with open(f"/proc/{running[role].pid}/status") as status:
                    found[f"{role}: resident memory, MiB"] = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
            for role in KEYS:
                stop(role)
            return found
        except SystemExit:
            for name in running:
                with open(os.path.join(home, f"{name}.log")) as log:
                    print(name, log.read()[-2000:], file=sys.stderr)
            raise
        finally:
            for process in running.values():
                process.kill()
                process.wait()


def main():
    binary, anvil = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    requests, accounts = (int(word) for word in (sys.argv[3:5] + ["1000000", "10000"][len(sys.argv) - 3:])[:2])
    small = measure(binary, anvil, 1000, 10)
    large = measure(binary, anvil, requests, accounts)
    print(f"\n{'':48}{'1,000/10':>12}{f'{requests:,}/{accounts:,}':>18}{'ratio':>8}")
    for name, time_of in large.items():
        print(f"{name:48}{small[name]:12.2f}{time_of:18.2f}{time_of / small[name]:8.2f}")
    finish()


if __name__ == "__main__":
    main()
