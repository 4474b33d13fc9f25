"""curl, as a shell would type it."""

import json
import subprocess

from told import BASE, LOCKED, NONE, TOKEN, told


def curl(path, body=None, *words, base=BASE):
    more = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
    run = subprocess.run(["curl", "-sS", "-D", "/dev/stderr", base + path, *more, *words], capture_output=True, text=True,
                         timeout=30)
    return int(run.stderr.split()[1]), run.stderr.lower(), run.stdout


chat = {"model": "eliza", "messages": [{"role": "user", "content": "Say this is a test!"}]}
with told("models") as so:
    models = [model["id"] for model in json.loads(curl("/models")[2])["data"]]
    so(any("eliza" in model for model in models), models)
with told("chat") as so:
    status, head, body = curl("/chat/completions", chat)
    so(status == 200 and json.loads(body)["choices"][0]["message"]["content"] == "This is a test!", body)
with told("cost") as so:
    fee = next(line for line in head.splitlines() if line.startswith("zg-fee: "))
    request = next(line.split()[1] for line in head.splitlines() if line.startswith("zg-request-id: "))
    so(json.loads(curl(f"/request/{request}")[2])["Fee"] == fee.split()[1], fee)
with told("stream") as so:
    status, head, body = curl("/chat/completions", {**chat, "stream": True}, "-N")
    so("text/event-stream" in head and body.rstrip().endswith("data: [DONE]"), f"{body.count('data: ')} events")
    so(all(line.startswith("data: ") or not line for line in body.splitlines()), "nothing of ours in the stream")
with told("404") as so:
    status, _, body = curl("/chat/completions", {**chat, "model": NONE})
    so(status == 404 and json.loads(body)["error"]["code"] == "unknown_model", body)
with told("402") as so:
    status, _, body = curl("/chat/completions", {**chat, "model": "dear"})
    so(status == 402 and json.loads(body)["error"]["code"] == "insufficient_balance", body)
with told("a cap") as so:
    status, _, body = curl("/chat/completions", chat, "-H", "zg-max-fee: 1")
    so(status == 403 and json.loads(body)["error"]["code"] == "cap_reached", body)
with told("401") as so:
    so(curl("/models", base=LOCKED)[0] == 401)
    so(curl("/models", None, "-H", f"Authorization: Bearer {TOKEN}", base=LOCKED)[0] == 200)
with told("error fields") as so:
    error = json.loads(curl("/chat/completions", {**chat, "model": NONE})[2])["error"]
    so({"message", "code"} <= set(error), sorted(error))
