"""Both brokers' OpenAPI documents held against the real program by schemathesis, after a validator has read them.

    python3 tests/by_hand/schema_fuzz.py target/release/zgserve-tui [SECONDS]      (for each broker; 120 unless given)

The document of `zgserve-tui openapi` is checked against OpenAPI 3.1 and against the one that is served. Then schemathesis
sends requests that the document allows and requests that it forbids, with all its checks: no 5xx, and status, type, headers
and shape of each answer as the document says; half of the time with ids, addresses and names that there are, since made-up ones
end at "there is no such". What no document can say is in `schema_hooks.py`. The same seed sends the same requests. Ends with what
was found, each with the request that shows it, and with "schema_fuzz: 0 findings" when there is none.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

import demo
from demo import PROVIDER, USER, account, check, curl

PLACE = os.path.abspath(os.environ.get("ZGSERVE_FUZZ_DIR", "target/clients/schemathesis"))
HOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema_hooks.py")
PACKAGES = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"]
SEED = "20240822"
# What is left out, and why.
LEFT_OUT = [
    "/v1/events",  # never ends
]


def program(name):
    return os.path.join(PLACE, "bin", name)


def install():
    if not os.path.exists(program("st")):
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
        subprocess.run([program("pip"), "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)


def validate(binary, role, url, place):
    """The document itself: valid, and the one that is served."""
    told = subprocess.run([binary, "openapi", role], capture_output=True, text=True, check=True).stdout
    path = os.path.join(place, f"{role}.json")
    with open(path, "w") as file:
        file.write(told)
    run = subprocess.run([program("openapi-spec-validator"), "--schema", "3.1", "--validation-errors", "all", path],
                         capture_output=True, text=True, timeout=60)
    check(run.returncode == 0, f"the document of the {role} broker is OpenAPI 3.1 ({run.stdout.strip()[-300:]})")
    check(curl(f"{url}/openapi.json")[1] == json.loads(told), "it is the one that is served")


def real(provider):
    """Settings of schemathesis that name what there is, for the path parameters of both brokers."""
    def first(url, key):
        return curl(url, expect=200)[1]["Items"][0][key]
    user = first(f"{PROVIDER}/v1/user", "User")
    lines = [f'provider = "{provider}"', f'user = "{user}"', 'service = "eliza"', 'suffix = "models"']
    lines = ["[parameters]", *(f'"path.{line.replace(" = ", chr(34) + " = ", 1)}' for line in lines)]
    for url, key in ((f"{USER}/v1/request", "RequestID"), (f"{USER}/v1/operation", "OperationID")):
        kind = url.rsplit("/", 1)[1]
        kinds = f"(receipt|proxy-receipt|{kind})" if kind == "request" else kind
        lines += ["[[operations]]", f"include-path-regex = '/v1/{kinds}/.*'", f'parameters = {{ "path.id" = "{first(url, key)}" }}']
    # What is changed, paused and taken away is not the service that is called.
    lines += ["[[operations]]", "include-path-regex = '^/v1/service/'", 'parameters = { "path.service" = "spare" }']
    return "\n".join(lines) + "\n"


def fuzz(url, seconds, place, settings, provider):
    """Runs schemathesis; gives how many different failures it found."""
    report, config = os.path.join(place, "report.json"), os.path.join(place, "schemathesis.toml")
    with open(config, "w") as file:
        file.write(settings)
    words = [program("st"), "--config-file", config, "run", f"{url}/openapi.json", "--seed", SEED, "--max-time", str(seconds),
             "--checks", "all", "--continue-on-failure", "--request-timeout", "30", "--generation-database", "none", "--no-color",
             "--report", "json", "--report-json-path", report]
    words += [word for path in LEFT_OUT for word in ("--exclude-path", path)]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": os.path.dirname(HOOKS), "ZGSERVE_FUZZ_PROVIDER": provider}
    run = subprocess.run(words, capture_output=True, text=True, timeout=seconds * 4 + 120, cwd=place, env=env)
    check(run.returncode in (0, 1), f"schemathesis ran (was {run.returncode}: {run.stdout[-500:]}{run.stderr[-500:]})")
    start = run.stdout.find("= FAILURES =")
    print(run.stdout[start if start > 0 else run.stdout.find("= SUMMARY ="):])
    found = re.search(r"(\d+) unique failures?", run.stdout)
    return int(found[1]) if found else run.returncode


def main():
    binary = os.path.abspath(sys.argv[1])
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 120
    install()
    found = 0
    with demo.demo(binary), tempfile.TemporaryDirectory() as place:
        provider = account("chatbot", 10**15)
        chat = json.dumps({"messages": [{"role": "user", "content": "Say this is a test!"}]})
        curl(f"{USER}/v1/provider/{provider}/service/eliza/chat/completions", "-H", "Content-Type: application/json", "-d", chat,
             expect=200)
        spare = {"Name": "spare", "Type": "chatbot", "URL": "http://127.0.0.1:9", "inputPrice": 1, "outputPrice": 1}
        curl("-X", "POST", f"{PROVIDER}/v1/service", "-H", "Content-Type: application/json", "-d", json.dumps(spare), expect=204)
        for role, url in (("user", USER), ("provider", PROVIDER)):
            validate(binary, role, url, place)
            for settings in ("", real(provider)):
                found += fuzz(url, max(seconds // 2, 5), place, settings, provider)
            check(curl(f"{url}/health")[1]["Status"] == "ok", f"the {role} broker works after it all")
    print(f"schema_fuzz: {found} findings")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
