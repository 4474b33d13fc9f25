"""`llm` in the terminal, with the broker's models in extra-openai-models.yaml."""

import os
import subprocess
import tempfile

from told import BASE, told

MODELS = f"""\
- model_id: zg-eliza
  model_name: eliza
  api_base: "{BASE}"
- model_id: zg-stub
  model_name: stub-1
  api_base: "{BASE}"
  supports_tools: true
  supports_schema: true
  vision: true
- model_id: zg-dear
  model_name: dear
  api_base: "{BASE}"
"""

with tempfile.TemporaryDirectory() as home:
    with open(os.path.join(home, "extra-openai-models.yaml"), "w") as file:
        file.write(MODELS)

    def llm(*words):
        run = subprocess.run([os.environ["ZGSERVE_BIN"] + "/llm", *words], capture_output=True, text=True, timeout=60,
                             stdin=subprocess.DEVNULL, env={**os.environ, "LLM_USER_PATH": home, "HOME": home})
        return run.returncode, (run.stdout + run.stderr).strip()

    with told("models") as so:
        so("zg-eliza" in llm("models")[1], "those of extra-openai-models.yaml")
    with told("chat") as so:
        code, text = llm("-m", "zg-eliza", "--no-stream", "Say this is a test!")
        so(code == 0 and text == "This is a test!", text)
    with told("stream") as so:
        code, text = llm("-m", "zg-eliza", "Say this is a test!")
        so(code == 0 and text == "This is a test!", text)
    with told("usage") as so:
        code, text = llm("-m", "zg-eliza", "-u", "Say this is a test!")
        so(code == 0 and "Token usage" in text, text)
    with told("tools") as so:
        function = 'def weather(city: str) -> str:\n    "Weather"\n    return "21 degrees in " + city'
        code, text = llm("-m", "zg-stub", "--functions", function, "Weather?")
        so(code == 0 and "21 degrees in Lisbon" in text, text)
    with told("schema") as so:
        code, text = llm("-m", "zg-stub", "--schema", "city, degrees int", "Where?")
        so(code == 0 and "Lisbon" in text, text)
    with told("402") as so:
        code, text = llm("-m", "zg-dear", "Say this is a test!")
        so(code != 0 and "neuron" in text, text)
