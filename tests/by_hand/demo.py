"""Runs the real binary as `demo --headless` and talks to it with curl; shared by the scripts beside it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

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
    """The demo on its usual ports in a home of its own; gives its process. Stops it, and checks that it stops."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home}
        command = [binary, "demo", "--headless", *flags]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = []
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
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise SystemExit(f"{NAME}: the demo did not stop within 20 s")
        check(process.returncode == 0, f"the demo stops cleanly on SIGTERM (was {process.returncode})")


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
