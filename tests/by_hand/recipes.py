"""Every curl line of docs/book/src/api against a fresh demo: its status, the shape of its answer, no route left out.

    python3 tests/by_hand/recipes.py target/release/zgserve-tui            # checks the pages
    python3 tests/by_hand/recipes.py target/release/zgserve-tui --write    # puts the answers of this run into them

A recipe is a heading that names the route, a block of shell, and what it answers: "Answers `200`" with, where a body comes,
the body in a fenced block. In a body "…" stands for what was left out. All blocks of both pages run in order in one shell.
A body has the shape of the page's when it has the same keys, and values of the same kind: text, number, amount, address.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

import demo
from demo import check, finish

PAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "book", "src", "api")
ROLES = ("user", "provider")
LEFT_OUT = "…"
METHODS = {"get", "post", "put", "patch", "delete"}
RECIPE = re.compile(r"^```sh\n(?P<shell>.*?)^```\n(?:\nAnswers `(?P<status>[0-9?]+)`(?P<words>[^\n]*)\n(?:\n```(?:json|text)\n(?P<body>.*?)^```\n)?)?",
                    re.M | re.S)
HEADING = re.compile(r"^### `([A-Z]+) ([^`]+)`$", re.M)


class Shell:
    """One bash for all blocks, so that a variable stays; its curl says on stderr what it called and what came."""

    START = ("curl() { command curl -sS --max-time 60 -D \"$HEAD\" -w '%{stderr}\\n%{http_code} %{method} %{url}\\n' \"$@\"; }\n")

    def __init__(self, place):
        self.out, self.err, self.head = (os.path.join(place, name) for name in ("out", "err", "head"))
        self.bash = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                     env={**os.environ, "HEAD": self.head, "HOME": place})
        self.bash.stdin.write(self.START)

    def run(self, block):
        """Runs a block; gives the last call's (status, method, url), its headers in small letters, and what was printed."""
        self.bash.stdin.write(f"{{ {block}\n}} >'{self.out}' 2>'{self.err}'; echo over\n")
        self.bash.stdin.flush()
        if self.bash.stdout.readline() != "over\n":
            raise SystemExit(f"recipes: the shell ended at:\n{block}")
        with open(self.err) as err, open(self.out) as out, open(self.head) as head:
            said = err.read()
            calls = re.findall(r"^(\d{3}) ([A-Z]+) (\S+)$", said, re.M)
            if not calls:
                raise SystemExit(f"recipes: no call in:\n{block}{said}")
            return calls[-1], head.read().lower(), out.read()

    def close(self):
        self.bash.stdin.close()
        self.bash.wait(10)


def routes(program, role):
    """(method, path) of every route of a broker's OpenAPI document; one that takes every method counts once, as ANY."""
    document = json.loads(subprocess.run([program, "openapi", role], capture_output=True, text=True, check=True).stdout)
    found = set()
    for path, item in document["paths"].items():
        methods = METHODS & set(item)
        # A path may have one route for a method and another for the rest; only those of all methods are one route.
        found |= {("ANY", path)} if methods == METHODS else {(method.upper(), path) for method in methods}
    return found


def fits(route, call):
    """Whether a call that was made is of the route that its heading names."""
    method, path = route
    pattern = re.sub(r"\\\{(\w+)\\\}", lambda name: ".+" if name[1] == "suffix" else "[^/]+", re.escape(path))
    target = re.sub(r"^https?://[^/]+", "", call[2]).split("?")[0]
    return method in ("ANY", call[1]) and re.fullmatch(pattern, target) is not None


def kind(value):
    if isinstance(value, str):
        for name, pattern in (("amount", r"\d+"), ("address", r"0x[0-9a-fA-F]{40}"), ("time", r"\d{4}-\d\d-\d\dT.*")):
            if re.fullmatch(pattern, value):
                return name
        return "text"
    return {bool: "truth", int: "number", float: "number"}.get(type(value), type(value).__name__)


def differ(told, found, where="the answer"):
    """How an answer differs in shape from what a page tells; None if it does not."""
    if told is None or found is None or told == LEFT_OUT:
        return None
    if isinstance(told, dict) and isinstance(found, dict):
        missing = set(told) - set(found) - {LEFT_OUT}
        more = set(found) - set(told) if LEFT_OUT not in told else set()
        if missing or more:
            return f"{where}: lacks {sorted(missing)}, has {sorted(more)} beyond the page"
        return next(filter(None, (differ(told[key], found[key], f"{where}.{key}") for key in told if key != LEFT_OUT)), None)
    if isinstance(told, list) and isinstance(found, list):
        if told and not found:
            return f"{where} is empty"
        return differ(told[0], found[0], f"{where}[0]") if told and found else None
    told_kind, found_kind = kind(told), kind(found)
    if told_kind != found_kind and not (told_kind == "text" and LEFT_OUT in told):
        return f"{where} is {found_kind}, not {told_kind}: {found!r}"
    return None


# An answer beyond this many characters is shown by its first members only.
LONG = 8_000


def shortened(value, depth=None):
    """A value with the first item of each list and the beginning of each text; with `depth`, three members of each object."""
    deeper = None if depth is None else depth - 1
    if depth == 0 and isinstance(value, (dict, list)):
        return LEFT_OUT
    if isinstance(value, dict):
        members = list(value.items())
        shown = members if depth is None else members[:3]
        more = {LEFT_OUT: LEFT_OUT} if len(shown) < len(members) else {}
        return {key: shortened(part, deeper) for key, part in shown} | more
    if isinstance(value, list):
        return [shortened(part, deeper) for part in value[:1]] + [LEFT_OUT] * (len(value) > 1)
    if isinstance(value, str) and len(value) > 70:
        return value[:60] + LEFT_OUT
    return value


def written(value, indent=""):
    """JSON on one line where it fits, else a line a member."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= 100 or not isinstance(value, (dict, list)) or not value:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        members = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {written(part, inner)}" for key, part in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + written(part, inner) for part in value) + f"\n{indent}]"


def block_of(text):
    """An answer as it stands in a page."""
    try:
        return "json", written(shortened(json.loads(text), 3 if len(text) > LONG else None))
    except ValueError:
        lines = [line[:120] + LEFT_OUT if len(line) > 120 else line for line in text.strip().splitlines()]
        return "text", "\n".join(lines[:8] + [LEFT_OUT] * (len(lines) > 8))


def compare(recipe, call, head, text, name):
    check(call[0] == recipe["status"], f"{name} answers {recipe['status']} (was {call[0]}: {text[:300]})")
    for header in re.findall(r"`([a-z-]+)`", recipe["words"] or ""):
        check(f"\n{header}:" in head, f"{name} answers with the header {header}")
    if recipe["body"] is None:
        check(not text.strip(), f"{name} answers nothing (was {text[:200]})")
        return
    try:
        told = json.loads(recipe["body"])
    except ValueError:
        first = recipe["body"].splitlines()[0].split()[:1]
        check(first and first[0].removesuffix(LEFT_OUT) in text, f"{name} answers text that has {first} (was {text[:200]})")
        return
    difference = differ(told, json.loads(text))
    check(difference is None, f"{name} has the shape of the page: {difference or 'yes'}")


def page(shell, path, write):
    """Runs a page; gives the routes that it has recipes of, and the page with what this run answered."""
    with open(path) as file:
        text = file.read()
    covered, pieces, end = set(), [], 0
    for recipe in RECIPE.finditer(text):
        heading = list(HEADING.finditer(text, 0, recipe.start()))[-1:]
        call, head, answer = shell.run(recipe["shell"])
        pieces += [text[end:recipe.start()], f"```sh\n{recipe['shell']}```\n"]
        end = recipe.end()
        if recipe["status"] is None:
            continue
        route = heading[0].groups()
        name = " ".join(route)
        check(fits(route, call), f"{name} is called by its recipe (was {call[1]} {call[2]})")
        covered.add(route)
        if write:
            pieces.append(f"\nAnswers `{call[0]}`{recipe['words'].rstrip(':.')}" + (":\n\n" if answer.strip() else ".\n"))
            pieces += ["```{}\n{}\n```\n".format(*block_of(answer))] if answer.strip() else []
        else:
            compare(recipe, call, head, answer, name)
            pieces.append(recipe[0][len(f"```sh\n{recipe['shell']}```\n"):])
    return covered, "".join([*pieces, text[end:]])


def main():
    program, write = sys.argv[1], "--write" in sys.argv
    with demo.demo(program), tempfile.TemporaryDirectory() as place:
        shell = Shell(place)
        for role in ROLES:
            path = os.path.join(PAGES, f"{role}.md")
            covered, text = page(shell, path, write)
            there = routes(program, role)
            check(covered == there, f"{role}.md has every route and no other "
                  f"(without a recipe: {sorted(there - covered)}; without a route: {sorted(covered - there)})")
            if write:
                with open(path, "w") as file:
                    file.write(text)
        shell.close()
    finish()


if __name__ == "__main__":
    main()
