"""What a client's script says of itself, one line a feature, for `run`: name, yes or no, what was seen, between tabs."""

import contextlib
import json
import os
import time
import urllib.request

BASE = os.environ["ZGSERVE_BASE"]  # http://127.0.0.1:1034/v1
PROVIDER = os.environ["ZGSERVE_PROVIDER"]  # the provider broker's own API
LOCKED, TOKEN = os.environ["ZGSERVE_LOCKED"], os.environ["ZGSERVE_TOKEN"]  # a broker that asks for a token, without an account
# What is asked of whom: the demo's own rule program; a stub that calls tools; one that costs more than there is.
CHAT, TOOLS, DEAR, NONE = "eliza", "stub-1", "dear", "no-such-model"
ASK = [{"role": "user", "content": "Say this is a test!"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
# A dot in PNG.
DOT = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
       "kJggg==")


def line(feature, how, seen):
    print(feature, how, " ".join(str(seen).split())[:300], sep="\t", flush=True)


@contextlib.contextmanager
def told(feature):
    """Tells whether what is done inside works; the block says what was seen by calling what it is given."""
    seen = []
    try:
        yield lambda truth, what="": seen.append(str(what)) if truth else failed(what)
    except Exception as error:
        line(feature, "no", f"{type(error).__name__}: {error}")
    else:
        line(feature, "yes", "; ".join(filter(None, seen)))


@contextlib.contextmanager
def refused(feature, kind, *words, status=None):
    """The block must be refused with an exception of this kind that says these words."""
    try:
        yield
    except kind as error:
        text = str(error)
        missing = [word for word in words if word not in text]
        found = getattr(error, "status_code", None)
        if missing or (status and found != status):
            line(feature, "no", f"{type(error).__name__} {found} without {missing}: {text}")
        else:
            line(feature, "yes", f"{type(error).__name__}: {text}")
    except Exception as error:
        line(feature, "no", f"{type(error).__name__}, not {kind.__name__}: {error}")
    else:
        line(feature, "no", "it was not refused")


def failed(what):
    raise AssertionError(what)


def fetch(path):
    with urllib.request.urlopen(BASE + path, timeout=20) as answer:
        return json.load(answer)


def raise_price(service, price):
    """Has the provider raise the price of an output token, and the user's broker see it."""
    for url, method, body in ((f"{PROVIDER}/v1/service/{service}", "PUT", {"outputPrice": str(price)}), (f"{BASE}/sync", "POST", None)):
        head = {"Content-Type": "application/json"} if body else {}
        asked = urllib.request.Request(url, json.dumps(body).encode() if body else None, head, method=method)
        urllib.request.urlopen(asked, timeout=30).close()


def cost(request_id):
    """What a request cost, from the broker's books, once it is over."""
    for _ in range(1_200):
        request = fetch(f"/request/{request_id}")
        if request["Status"] == "done":
            return int(request["Fee"])
        time.sleep(0.05)
    failed(f"request {request_id} is {request['Status']}")
