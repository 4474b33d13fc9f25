"""`aichat` in the terminal, with the broker as a client of type openai-compatible."""

import os
import subprocess
import tempfile

from told import BASE, told

SETTINGS = f"""\
model: zgserve:eliza
clients:
- type: openai-compatible
  name: zgserve
  api_base: {BASE}
  models:
  - name: eliza
  - name: stub-1
    supports_vision: true
    supports_function_calling: true
  - name: dear
"""

with tempfile.TemporaryDirectory() as home:
    with open(os.path.join(home, "config.yaml"), "w") as file:
        file.write(SETTINGS)

    def aichat(*words):
        run = subprocess.run([os.environ["ZGSERVE_BIN"] + "/aichat", *words], capture_output=True, text=True, timeout=60,
                             stdin=subprocess.DEVNULL, env={**os.environ, "AICHAT_CONFIG_DIR": home, "HOME": home})
        return run.returncode, (run.stdout + run.stderr).strip()

    with told("models") as so:
        so("zgserve:eliza" in aichat("--list-models")[1], "those of config.yaml")
    with told("chat") as so:
        code, text = aichat("-S", "Say this is a test!")
        so(code == 0 and text == "This is a test!", text)
    with told("stream") as so:
        code, text = aichat("Say this is a test!")
        so(code == 0 and "This is a test!" in text, text)
    with told("402") as so:
        code, text = aichat("-m", "zgserve:dear", "Say this is a test!")
        so(code != 0 and "neuron" in text, text)
