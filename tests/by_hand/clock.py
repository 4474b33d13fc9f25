"""Clocks that jump by hours and years under running brokers, each by itself: budgets, authorisations and books hold.

    python3 tests/by_hand/clock.py target/release/zgserve-tui [LIBFAKETIME]

Starts the development chain, a provider broker, a user broker and a model server, on the ports below, the two brokers under libfaketime
(Debian: `apt-get install faketime`; LIBFAKETIME is where libfaketimeMT.so.1 is). Their waits go by a clock that is left alone.
Ends with "clock: N passed, 0 failed", or with the first thing that was not as stated. Needs Python 3 and curl; loopback only.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import ThreadingHTTPServer

from demo import check, curl, finish, wait_for
from procedure import Model

USER_PORT, PROVIDER_PORT, CHAIN_PORT = 24034, 24080, 24545
USER, PROVIDER = f"http://127.0.0.1:{USER_PORT}", f"http://127.0.0.1:{PROVIDER_PORT}"
KEYS = {"provider": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "user": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"}  # the chain's own test keys
LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
DAILY = 100_000_000


class Broker:
    """A broker's process and its clock."""

    def __init__(self, home, role, command):
        self.home, self.role, self.command = home, role, command
        self.clock = os.path.join(home, f"{role}.clock")
        self.offset(0)
        self.start()

    def offset(self, seconds):
        with open(self.clock + ".new", "w") as file:
            file.write(f"{seconds:+d}\n")
        os.replace(self.clock + ".new", self.clock)

    def start(self):
        environment = {**os.environ, "HOME": self.home, "LD_PRELOAD": library, "FAKETIME_NO_CACHE": "1",
                       "FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        with open(os.path.join(self.home, f"{self.role}.log"), "a") as log:
            self.process = subprocess.Popen(self.command, env=environment, cwd=self.home, stdout=log, stderr=log)
        url = PROVIDER if self.role == "provider" else USER
        wait_for(lambda: subprocess.run(["curl", "-sf", f"{url}/health"], capture_output=True).returncode == 0,
                 f"the {self.role} broker to answer")

    def stop(self):
        self.process.terminate()
        check(self.process.wait(30) == 0, f"the {self.role} broker stops cleanly")


@contextlib.contextmanager
def world(binary, model_port):
    running = []
    with tempfile.TemporaryDirectory() as home:
        try:
            with open(os.path.join(home, "chain.log"), "w") as log:
                running.append(subprocess.Popen([binary, "devnet", "--listen", f"127.0.0.1:{CHAIN_PORT}", "--lock-time", "120"],
                                                env={**os.environ, "HOME": home}, stdout=log, stderr=log))
            for role, key in KEYS.items():
                os.mkdir(os.path.join(home, role))
                own = f'servingUrl: "{PROVIDER}"\nlisten: "127.0.0.1:{PROVIDER_PORT}"\nproxyListen: "127.0.0.1:{PROVIDER_PORT + 1}"\n' \
                    if role == "provider" else f'listen: "127.0.0.1:{USER_PORT}"\ncaps:\n  perDay: "{DAILY}"\n'
                with open(os.path.join(home, role, "config.local.yaml"), "w") as file:
                    file.write(f'{own}dataDir: "{home}/{role}-data"\nprivateKeys: "{key}"\n'
                               f'chain:\n  rpcUrl: "http://127.0.0.1:{CHAIN_PORT}"\n')
            wait_for(lambda: subprocess.run(["curl", "-s", f"http://127.0.0.1:{CHAIN_PORT}"], capture_output=True).returncode == 0,
                     "the chain")
            brokers = {"provider": Broker(home, "provider", [binary, "provider"])}
            running.append(brokers["provider"].process)
            service = json.dumps({"URL": f"http://127.0.0.1:{model_port}", "inputPrice": 100000, "outputPrice": 200000,
                                  "Type": "chatbot", "Name": "llama7b"})
            curl("-X", "POST", f"{PROVIDER}/v1/service", "-H", "Content-Type: application/json", "-d", service, expect=204)
            brokers["user"] = Broker(home, "user", [binary, "--headless"])
            running.append(brokers["user"].process)
            yield brokers
            for broker in brokers.values():
                broker.stop()
        except SystemExit:
            for role in KEYS:
                path = os.path.join(home, f"{role}.log")
                if os.path.exists(path):
                    print(open(path).read()[-2000:], file=sys.stderr)
            raise
        finally:
            for process in running:
                process.kill()
                process.wait()


def walk(brokers):
    user, provider = brokers["user"], brokers["provider"]
    found = wait_for(lambda: curl(f"{USER}/v1/service")[1]["Items"], "the service")[0]["Provider"]
    body = json.dumps({"provider": found, "balance": "1000000000000"})
    curl("-X", "POST", f"{USER}/v1/provider", "-H", "Content-Type: application/json", "-d", body, expect=204)
    chat = json.dumps({"messages": [{"role": "user", "content": "Say this is a test!"}]})

    def call():
        status, answer = curl("-X", "POST", f"{USER}/v1/provider/{found}/service/llama7b/chat/completions",
                              "-H", "Content-Type: application/json", "-d", chat)
        return status, answer["error"]["code"] if status >= 400 else "", answer

    def owed():
        return int(curl(f"{USER}/v1/provider/{found}", expect=200)[1]["Owed"])

    def spend():
        """Calls until the budget ends it; gives what was spent."""
        before = owed()
        for _ in range(100):
            status, code, answer = call()
            if status != 200:
                check((status, code) == (403, "cap_reached"), f"the day's budget ends it (was {status} {code}: {answer})")
                return owed() - before
        raise SystemExit("no budget ended it")

    check(call()[0] == 200, "a call at the right time")
    # The provider's clock is another one: hours and years ahead, and behind.
    for offset, code in ((2 * HOUR, "authorisation_expired"), (YEAR, "authorisation_expired"), (10 * YEAR, "authorisation_expired"),
                         (-2 * HOUR, "authorisation_too_long"), (-YEAR, "authorisation_too_long")):
        provider.offset(offset)
        status, found_code, answer = call()
        check(found_code == code, f"the provider's clock at {offset:+d} s: {status} {found_code}")
        check("clock" in answer["error"]["message"] or "seconds" in answer["error"]["message"], "the clock is named")
        provider.offset(30)
        check(call()[0] == 200, "half a minute of difference does not matter")
        provider.offset(0)
    check(curl(f"{PROVIDER}/health", expect=200)[1]["Status"] == "ok", "the provider is well after its jumps")

    first = owed() + spend()
    check(0 < first <= DAILY, f"the first day's budget: {first} of {DAILY}")
    spent = {0: first}
    for offset in (-HOUR, -DAY, -3 * DAY, -YEAR, -20 * YEAR, 0):
        user.offset(offset)
        provider.offset(offset)
        check(spend() == 0, f"set back by {offset:+d} s the budget stays spent")
        user.stop()
        user.start()
        check(spend() == 0, "and over a restart")
    for days in (1, 2, 400):
        for broker in brokers.values():
            broker.offset(days * DAY)
        spent[days] = spend()
        check(0 < spent[days] <= DAILY, f"{days} days on there is one budget more: {spent[days]} of {DAILY}")
        for back in (0, days * DAY - HOUR, -YEAR):
            for broker in brokers.values():
                broker.offset(back)
            check(spend() == 0, f"back at {back:+d} s it is not opened again")
            user.stop()
            user.start()
            check(spend() == 0, "nor by a restart")
    check(owed() == sum(spent.values()), f"what is owed is what {len(spent)} days allowed: {owed()}")
    users = wait_for(lambda: (lambda item: item if int(item["Owed"]) == owed() else None)(
        curl(f"{PROVIDER}/v1/user", expect=200)[1]["Items"][0]), "both books to agree")
    check(int(users["Voucher"]) == owed(), "and all of it is promised")
    # The wait of a refund is the chain's: a clock that is ahead does not shorten it.
    for broker in brokers.values():
        broker.offset(0)
    curl("-X", "POST", f"{USER}/v1/provider/{found}/refund?wait=true", "-H", "Content-Type: application/json",
         "-d", '{"amount": "1000"}', expect=202)
    user.offset(YEAR)
    status, answer = curl("-X", "POST", f"{USER}/v1/provider/{found}/refund/process")
    check(status == 409 and answer["error"]["code"] in ("refund_locked", "refused"), f"still locked (was {status}: {answer})")
    user.offset(0)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    library = sys.argv[2] if len(sys.argv) == 3 else LIBRARY
    if not os.path.exists(library):
        raise SystemExit(f"clock: there is no {library}; install faketime or say where it is")
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with world(os.path.abspath(sys.argv[1]), model.server_address[1]) as started:
        walk(started)
    finish()
