"""Holds the dashboard and the alerts against what the brokers really export.

    python3 packaging/metrics.py target/release/zgserve-tui

Starts `demo --headless --traffic` on its usual ports, buys something, and looks at `/metrics` of both brokers: every metric
and label that a panel or a rule names must be there, and every metric must be on the dashboard. With promtool (Debian:
prometheus) the rules are checked and played through alerts_test.yml; with prometheus itself each panel's query is evaluated,
and none may come out empty. Says what it could not check. Ends with "metrics: N passed, 0 failed".
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "by_hand"))
from demo import PROVIDER, USER, account, check, curl, demo, finish, wait_for  # noqa: E402

PROMETHEUS = "http://127.0.0.1:9090"
INSTANCES = {"user": USER.removeprefix("http://"), "provider": PROVIDER.removeprefix("http://")}
NAME = re.compile(r"\bzgserve_[a-z_]+")
# What exists only after something that a demo of a minute need not see.
LATER = {"zgserve_settlement_reasons_total": "a settlement"}


def exported(url):
    """The metrics of a broker: each name with the labels that it has."""
    found = {}
    for line in curl(f"{url}/metrics", expect=200)[1].splitlines():
        if line.startswith("# TYPE "):
            found.setdefault(line.split()[2], set())
        elif line and not line.startswith("#"):
            name, labels = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line).groups()
            found.setdefault(name, set()).update(re.findall(r'([a-z_]+)="', labels or ""))
    return found


def panels():
    with open(os.path.join(HERE, "grafana", "zgserve.json")) as file:
        dashboard = json.load(file)
    ids = [panel["id"] for panel in dashboard["panels"]]
    check(len(ids) == len(set(ids)), "every panel has an id of its own")
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target["legendFormat"]


def names(brokers):
    shown = set()
    for title, expression, legend in panels():
        role = "user" if "$user" in expression else "provider"
        used = NAME.findall(expression)
        shown.update((role, name) for name in used)
        for name in used:
            check(name in brokers[role], f"{title}: {name} is a metric of the {role} broker")
            wanted = set(re.findall(r"{{(\w+)}}", legend)) - {"instance"}
            missing = wanted - brokers[role][name]
            check(not missing or name in LATER, f"{title}: {name} has the labels {wanted or 'of its legend'}")
    for role, metrics in brokers.items():
        hidden = sorted(name for name in metrics if (role, name) not in shown and name != "zgserve_block")
        check(not hidden, f"every metric of the {role} broker is on the dashboard {hidden or ''}")
    with open(os.path.join(HERE, "prometheus", "alerts.yml")) as file:
        rules = re.sub(r"annotations:.*?(?=- alert|\Z)", "", file.read(), flags=re.S)
    known = brokers["user"].keys() | brokers["provider"].keys()
    for name in sorted(set(NAME.findall(rules))):
        check(name in known, f"alerts: {name} is a metric")


def promtool(*words):
    run = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60)
    check(run.returncode == 0, f"promtool {' '.join(words[:2])} {run.stdout[-1500:] + run.stderr if run.returncode else ''}")


def evaluate(expression):
    """The series that a panel's query gives, its variables filled in as Grafana does."""
    for variable, value in {"$__rate_interval": "15s", "$unit": "1", "$user": INSTANCES["user"],
                            "$provider": INSTANCES["provider"]}.items():
        expression = expression.replace(variable, value)
    answer = curl("-G", f"{PROMETHEUS}/api/v1/query", "--data-urlencode", f"query={expression}")[1]
    if answer["status"] != "success":
        raise SystemExit(f"metrics: {expression}: {answer}")
    return answer["data"]["result"]


def with_prometheus():
    with tempfile.TemporaryDirectory() as home:
        with open(os.path.join(HERE, "prometheus", "scrape.yml")) as file:
            scrape = file.read()
        with open(os.path.join(home, "prometheus.yml"), "w") as file:
            file.write(f"global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n"
                       f"rule_files: [{json.dumps(os.path.join(HERE, 'prometheus', 'alerts.yml'))}]\n{scrape}")
        promtool("check", "config", os.path.join(home, "prometheus.yml"))
        process = subprocess.Popen(
            ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
             "--web.listen-address=127.0.0.1:9090"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def scraped():
                query = urllib.parse.quote("min(count_over_time(up[1m]))")
                run = subprocess.run(["curl", "-sf", f"{PROMETHEUS}/api/v1/query?query={query}"], capture_output=True, text=True)
                result = json.loads(run.stdout)["data"]["result"] if run.returncode == 0 else []
                return bool(result) and int(result[0]["value"][1]) >= 12
            wait_for(scraped, "a dozen scrapes of both brokers")
            check(len(evaluate("up == 1")) == 2, "both jobs of scrape.yml are up")
            for title, expression, _ in panels():
                found = evaluate(expression)
                late = any(name in LATER for name in NAME.findall(expression))
                check(bool(found) or late, f"{title}: {len(found)} series")
            firing = {alert["labels"]["alertname"] for alert in curl(f"{PROMETHEUS}/api/v1/alerts")[1]["data"]["alerts"]
                      if alert["state"] == "firing"}
            check(not firing, f"no alert fires on a demo that is well {firing or ''}")
        finally:
            process.terminate()
            process.wait(20)


def main():
    for tool in ("promtool", "prometheus"):
        if not shutil.which(tool):
            print(f"metrics: not checked with {tool}, which is not installed")
    with demo(sys.argv[1], "--traffic"):
        provider = account("chatbot", 100_000_000)
        chat = json.dumps({"messages": [{"role": "user", "content": "How much is this?"}]})
        curl(f"{USER}/v1/provider/{provider}/service/eliza/chat/completions", "-H", "Content-Type: application/json", "-d",
             chat, expect=200)
        wait_for(lambda: exported(PROVIDER).get("zgserve_settlement_decisions_total"), "the engine to look at its books")
        curl("-X", "POST", f"{PROVIDER}/v1/settle")
        time.sleep(1)
        names({"user": exported(USER), "provider": exported(PROVIDER)})
        if shutil.which("promtool"):
            promtool("check", "rules", os.path.join(HERE, "prometheus", "alerts.yml"))
            promtool("test", "rules", os.path.join(HERE, "prometheus", "alerts_test.yml"))
        if shutil.which("prometheus"):
            with_prometheus()
    finish()


if __name__ == "__main__":
    main()
