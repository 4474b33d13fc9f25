"""Runs the real binary as `demo --headless` and talks to it with curl; shared by the scripts beside it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import types

USER, PROVIDER, CHAIN = "http://127.0.0.1:1034", "http://127.0.0.1:3080", "http://127.0.0.1:8545"
NAME = os.path.basename(sys.argv[0]).removesuffix(".py")
passed = 0


def curl(*words, expect=None):
    """Runs curl and gives (status, body as JSON or text)."""
    run = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *words], capture_output=True, text=True, timeout=180)
    if run.returncode != 0:
        raise SystemExit(f"{NAME}: curl {' '.join(words)} failed: {run.stderr}")
    body, status = run.stdout.rsplit("\n", 1)
    if expect is not None:
        check(int(status) == expect, f"{' '.join(words)[:90]} answers {expect} (was {status}: {body[:300]})")
    try:
        return int(status), json.loads(body)
    except ValueError:
        return int(status), body


def rpc(method, *params):
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    answer = curl("-X", "POST", CHAIN, "-H", "Content-Type: application/json", "-d", request)[1]
    if "error" in answer:
        raise SystemExit(f"{NAME}: {method}: {answer['error']}")
    return answer["result"]


def balance(address):
    return int(rpc("eth_getBalance", address, "latest"), 16)


def check(truth, what):
    global passed
    if not truth:
        raise SystemExit(f"{NAME}: NOT SO: {what}")
    passed += 1
    print(f"  ok  {what[:150]}")


def wait_for(condition, what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"{NAME}: waited {seconds} s in vain: {what}")


@contextlib.contextmanager
def demo(binary, *flags):
    """The demo on its usual ports in a home of its own; gives its process, with what it printed. Stops it, and checks that it
    stops."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home}
        command = [binary, "demo", "--headless", *flags]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = process.printed = []
        reader = threading.Thread(target=lambda: output.extend(process.stdout), daemon=True)
        reader.start()
        try:
            def up():
                if process.poll() is not None:
                    raise SystemExit(f"{NAME}: the demo ended early:\n" + "".join(output))
                return subprocess.run(["curl", "-sf", f"{USER}/health"], capture_output=True).returncode == 0
            wait_for(up, "the demo to answer")
            yield process
        except SystemExit:
            print("".join(output[-60:]), file=sys.stderr)
            raise
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise SystemExit(f"{NAME}: the demo did not stop within 60 s")
        check(process.returncode == 0, f"the demo stops cleanly on SIGTERM (was {process.returncode})")


@contextlib.contextmanager
def separate(binary, anvil, **more):
    """The same roles as three processes over anvil: `deploy`, two settings files, `provider` and `--headless`. `more`: further settings
    by role. Gives the home and the processes of provider and user."""
    keys = {"provider": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
            "user": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"}  # anvil's own test keys
    running = []

    def start(*command):
        log = open(os.path.join(home, f"{len(running)}.log"), "w")
        running.append(subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log))
        return running[-1]

    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home}
        binary = os.path.abspath(binary)
        for role, key in keys.items():
            os.mkdir(os.path.join(home, role))
            serving = f'servingUrl: "{PROVIDER}"\n' if role == "provider" else ""
            with open(os.path.join(home, role, "config.local.yaml"), "w") as settings:
                settings.write(f'{serving}privateKeys: "{key}"\n{more.get(role, "")}chain:\n  rpcUrl: "{CHAIN}"\n')
        try:
            start(anvil, "--port", "8545", "--silent")
            wait_for(lambda: subprocess.run(["curl", "-s", CHAIN], capture_output=True).returncode == 0, "anvil")
            deployed = subprocess.run([binary, "deploy", "--lock-time", "120"], env=environment, cwd=home,
                                      capture_output=True, text=True, timeout=60)
            check(deployed.returncode == 0, f"the contract is deployed (was {deployed.returncode}: {deployed.stderr})")
            for role in keys:
                with open(os.path.join(home, role, "config.local.yaml"), "a") as settings:
                    settings.write(f'  contract: "{deployed.stdout.strip()}"\n')
            brokers = [start(binary, "provider"), start(binary, "--headless")]
            for url in (PROVIDER, USER):
                wait_for(lambda: subprocess.run(["curl", "-sf", f"{url}/health"], capture_output=True).returncode == 0,
                         f"{url} to answer")
            yield types.SimpleNamespace(home=home, brokers=brokers)
            for broker in brokers:
                broker.terminate()
                check(broker.wait(20) == 0, "a broker stops cleanly on SIGTERM")
        except SystemExit:
            for index in range(len(running)):
                with open(os.path.join(home, f"{index}.log")) as log:
                    print(log.read()[-3000:], file=sys.stderr)
            raise
        finally:
            for process in running:
                process.kill()
                process.wait()


def account(service, deposit):
    """Opens an account with the provider of `service`, or adds to it; gives the provider's address."""
    services = curl(f"{USER}/v1/service", expect=200)[1]["Items"]
    provider = next(s for s in services if s["Type"] == service)["Provider"]
    body = json.dumps({"provider": provider, "balance": str(deposit)})
    words = ["-X", "POST", "-H", "Content-Type: application/json", "-d", body]
    status, answer = curl(f"{USER}/v1/provider", *words)
    if status == 409:
        status, answer = curl(f"{USER}/v1/provider/{provider}/charge", *words)
    check(status in (200, 202, 204), f"an account with {deposit} neuron (was {status}: {answer})")
    return provider


def finish():
    print(f"{NAME}: {passed} passed, 0 failed")
