"""A provider earns: three users, one of whom leaves without paying, and a broker that is killed at the worst moment.

    python3 tests/by_hand/earning.py target/release/zgserve-tui ANVIL

Starts anvil (at the path ANVIL), the contract, a provider broker, three user brokers and a model server, each a process of its own,
on 8545, 3080 and 1034 to 1036. Ends with "earning: N passed, 0 failed", or with the first thing that was not as stated.
Needs Python 3 and curl; uses nothing but loopback.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import ThreadingHTTPServer

from demo import CHAIN, PROVIDER, balance, check, curl, finish, rpc, wait_for
from procedure import Model

# anvil's own test keys and their addresses
KEYS = ["0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
        "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"]
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
USERS = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
         "0x90F79bf6EB2c4f870365E785982E1f101E93b906"]
LEAVES = USERS[2]
DEPOSIT = 10**17
PRICE = 10**12
LOCK = 120


class Provider:
    """The provider broker's process, which can be killed and started again over the same data."""

    def __init__(self, binary, home, environment):
        self.command, self.home, self.environment = [binary, "provider"], home, environment
        self.log = os.path.join(home, "provider.log")
        self.start()

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, cwd=self.home, stdout=log, stderr=log)
        up = ["curl", "-sf", f"{PROVIDER}/health"]
        wait_for(lambda: subprocess.run(up, capture_output=True).returncode == 0, "the provider broker to answer")

    def kill(self):
        self.process.kill()
        self.process.wait()


def command(binary, home, environment, *words, expect=0):
    run = subprocess.run([binary, *words], env=environment, cwd=home, capture_output=True, text=True, timeout=120)
    check(run.returncode == expect, f"{' '.join(words)} ends with {expect} (was {run.returncode}: {run.stderr[-300:]})")
    return run.stdout


@contextlib.contextmanager
def world(binary, anvil, model_port):
    running = []
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home}

        def settings(role, key, more=""):
            directory = os.path.join(home, role)
            os.makedirs(directory, exist_ok=True)
            path = os.path.join(directory, "config.local.yaml")
            with open(path, "w") as file:
                file.write(f'privateKeys: "{key}"\n{more}chain:\n  rpcUrl: "{CHAIN}"\n')
            return path

        def start(*words):
            with open(os.path.join(home, f"{len(running)}.log"), "w") as log:
                running.append(subprocess.Popen(words, env=environment, cwd=home, stdout=log, stderr=log))

        try:
            start(anvil, "--port", "8545", "--silent")
            wait_for(lambda: subprocess.run(["curl", "-s", CHAIN], capture_output=True).returncode == 0, "anvil")
            provider = settings("provider", KEYS[0], f'servingUrl: "{PROVIDER}"\nsettlement:\n  checkInterval: 1\n')
            contract = command(binary, home, environment, "deploy", "--lock-time", str(LOCK)).strip()
            with open(provider, "a") as file:
                file.write(f'  contract: "{contract}"\n  explorerUrl: "https://explorer.example"\n')
            broker = Provider(binary, home, environment)
            for number, key in enumerate(KEYS[1:]):
                path = settings(f"user{number}", key, f'listen: "127.0.0.1:{1034 + number}"\ndataDir: "{home}/data{number}"\n')
                with open(path, "a") as file:
                    file.write(f'  contract: "{contract}"\n')
                start(binary, "--headless", "--config", path)
            run = lambda *words, **more: command(binary, home, environment, *words, **more)
            run("provider", "service", "add", "dear", "--target", f"http://127.0.0.1:{model_port}",
                "--input-price", str(PRICE), "--output-price", str(PRICE))
            for number in range(3):
                up = ["curl", "-sf", f"http://127.0.0.1:{1034 + number}/health"]
                wait_for(lambda: subprocess.run(up, capture_output=True).returncode == 0, "a user broker to answer")
            yield broker, contract, run
        except SystemExit:
            for name in sorted(os.listdir(home)):
                if name.endswith(".log"):
                    with open(os.path.join(home, name)) as log:
                        print(f"== {name}\n{log.read()[-3000:]}", file=sys.stderr)
            raise
        finally:
            for process in [*running, *([broker.process] if "broker" in locals() else [])]:
                process.kill()
                process.wait()


def post(url, body=None):
    words = ["-X", "POST", url]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return curl(*words)


def chat(number, times=1):
    route = f"http://127.0.0.1:{1034 + number}/v1/provider/{OWNER}/service/dear/chat/completions"
    for _ in range(times):
        status, answer = post(route, {"messages": [{"role": "user", "content": "Say this is a test!"}], "max_tokens": 100})
        check(status == 200, f"user {number} is served (was {status}: {answer})")


def overview():
    return curl(f"{PROVIDER}/v1/overview")[1]


def user(address):
    return curl(f"{PROVIDER}/v1/user/{address}")[1]


def all_promised():
    """Every debt is covered by a voucher: the last receipts have been paid for."""
    users = curl(f"{PROVIDER}/v1/user")[1]["Items"]
    return all(u["Owed"] == u["Voucher"] for u in users if u["Owed"] != "0") and users


def walk(broker, contract, run):
    for number in range(3):
        status, answer = post(f"http://127.0.0.1:{1034 + number}/v1/provider", {"provider": OWNER, "balance": str(DEPOSIT)})
        check(status == 204, f"user {number} opens an account (was {status}: {answer})")
    chat(0, 3), chat(1, 2), chat(2, 4)
    wait_for(all_promised, "vouchers for all that is owed")
    seen = overview()
    check(int(seen["Claimable"]) == int(seen["Earned"]) > 0 and seen["Debtors"] == 3, "the overview shows debts grow")
    chat(0)
    wait_for(all_promised, "a voucher for the last answer")
    check(int(overview()["Claimable"]) > int(seen["Claimable"]), "and grow on")
    wait_for(lambda: overview()["Forecast"]["Verdict"] == "wait", "the engine to wait: gas would be too large a share")

    # One goes to the contract itself and asks everything back, its debt included; no honest broker would.
    owed = int(user(LEAVES)["Owed"])
    selector = rpc("web3_sha3", "0x" + b"requestRefund(address,uint112)".hex())[:10]
    data = selector + OWNER[2:].lower().rjust(64, "0") + f"{DEPOSIT:064x}"
    rpc("eth_sendTransaction", {"from": LEAVES, "to": contract, "data": data})
    left = wait_for(lambda: (lambda u: u if u["Risk"] == "refund" else None)(user(LEAVES)), "the refund to be seen")
    check(left["RefundUnlockAt"] > left["SettleBy"] and left["Settled"] == "0", "it turns red, with a time, and nothing is lost")
    decided = wait_for(lambda: (lambda d: d if d["Verdict"] == "wait" and "refund" in d["Text"] else None)(
        overview()["LastDecision"]), "a decision about it")
    check(decided["NextDeadline"], f"the engine says what it waits for, and until when: {decided['Text']}")
    rpc("evm_increaseTime", LOCK // 2 - LOCK // 8 + 1)
    rpc("evm_mine")
    wait_for(lambda: int(user(LEAVES)["Settled"]) == owed, "the engine to settle before the refund unlocks")
    check(True, "the engine settles the one who leaves before the deadline, to the neuron")
    history = curl(f"{PROVIDER}/v1/settlement", expect=200)[1]
    last = history["Items"][0]
    check(last["Reasons"] == ["refund_deadline"], f"and says why: {last['Reasons']}")
    check(last["TransactionURL"] == f"https://explorer.example/tx/{last['TransactionHash']}", "with a link to the transaction")
    rest = [row["User"] for row in history["Forecast"]["LeftOut"]]
    check(sorted(rest) == sorted(u for u in USERS if u != LEAVES), "the others wait")

    # Settle now: the preview, then a broker that dies between broadcast and receipt.
    preview = json.loads(run("settle", "--dry-run", "--json"))
    check(len(preview["Rows"]) == 2 and preview["Transactions"] == [], "the preview names two users and sends nothing")
    rpc("evm_setAutomine", False)
    status, report = post(f"{PROVIDER}/v1/settle?wait=false")
    check(status == 202 and report["Transactions"][0]["State"] == "sent", "a settlement is broadcast")
    operation = report["Transactions"][0]["OperationID"]
    broker.kill()
    check(True, "kill -9")
    broker.start()
    state = curl(f"{PROVIDER}/v1/operation/{operation}", expect=200)[1]["State"]
    check(state == "sent", f"after the restart the settlement is under way (was {state})")
    status, _ = post(f"{PROVIDER}/v1/settle")
    check(status == 409, "and nobody can be settled a second time meanwhile")
    before = balance(OWNER)
    rpc("evm_setAutomine", True)
    rpc("evm_mine")
    wait_for(lambda: overview()["Unsettled"] == "0", "the settlement to end")
    end = wait_for(lambda: (lambda o: o if o["State"] == "mined" else None)(
        curl(f"{PROVIDER}/v1/operation/{operation}")[1]), "its outcome to be written down")
    gas = int(end["GasUsed"]) * int(end["GasPrice"])
    check(balance(OWNER) - before == int(preview["Expected"]) - gas, "the owner is paid once, to the neuron")
    status, report = post(f"{PROVIDER}/v1/settle")
    check(report["Transactions"] == [] and report["Rows"] == [], "and there is nothing left to settle")
    books = overview()
    check(books["Earned"] == books["Settled"], f"everything earned is paid: {books['Settled']} neuron")
    decisions = curl(f"{PROVIDER}/v1/decision?limit=1000", expect=200)[1]["Items"]
    reasons = [reason for decision in decisions for reason in decision["Reasons"]]
    check({"refund_deadline", "asked"} <= set(reasons), "every decision is there with its reason, those before the kill too")
    metrics = curl(f"{PROVIDER}/metrics", expect=200)[1]
    check(f"zgserve_settled_neuron {books['Settled']}\n" in metrics, "the metrics agree")
    for listing in (["provider", "users"], ["provider", "requests"], ["provider", "settlements"], ["provider", "service", "list"]):
        check(json.loads(run(*listing, "--json"))["Items"], f"{' '.join(listing)} --json")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with world(os.path.abspath(sys.argv[1]), sys.argv[2], model.server_address[1]) as parts:
        walk(*parts)
    finish()


if __name__ == "__main__":
    main()
