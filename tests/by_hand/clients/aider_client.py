"""Aider asks a model about a folder; here it only has to talk to it."""

import os
import subprocess
import tempfile

from told import BASE, told


def aider(home, model, *words):
    flags = ["--no-check-update", "--analytics-disable", "--no-show-model-warnings", "--no-git", "--no-pretty", "--yes-always",
             "--no-detect-urls", "--no-show-release-notes", "--map-tokens", "0"]
    run = subprocess.run([os.environ["ZGSERVE_BIN"] + "/aider", "--model", f"openai/{model}", "--openai-api-base", BASE,
                          "--openai-api-key", "unused", *flags, *words],
                         capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=home,
                         env={**os.environ, "HOME": home, "LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    return run.returncode, (run.stdout + run.stderr).strip()


with tempfile.TemporaryDirectory() as home:
    with told("chat") as so:
        code, text = aider(home, "eliza", "--no-stream", "--chat-mode", "ask", "--message", "Say this is a test!")
        so(code == 0 and "This is a test!" in text, text[-120:])
    with told("stream") as so:
        code, text = aider(home, "eliza", "--stream", "--chat-mode", "ask", "--message", "Say this is a test!")
        so(code == 0 and "This is a test!" in text, text[-120:])
    with told("402") as so:
        code, text = aider(home, "dear", "--no-stream", "--chat-mode", "ask", "--message", "Say this is a test!")
        so("neuron" in text, text[-300:])
