"""The tables of the book that are made from the program: settings, keys, commands, metrics. And that nothing is left out.

    <!-- made: settings user -->    between this line and `<!-- /made -->` stands the table; `--write` makes it anew
"""

import json
import os
import re
import subprocess

from pages import BOOK, Failure, Page, names
from world import World

END = "<!-- /made -->"


def asked(program, *words):
    ran = subprocess.run([program, *words], capture_output=True, text=True, timeout=60, env={"HOME": "/nonexistent", "PATH": os.environ["PATH"]})
    if ran.returncode != 0:
        raise Failure(f"{' '.join(words)} ends with {ran.returncode}: {ran.stderr}")
    return ran.stdout


def settings(program, role):
    """{key: (default, what it is)} of a broker, by its example file."""
    found, path, told = {}, [], []
    for row in asked(program, "config", "example", role).splitlines():
        depth = (len(row) - len(row.lstrip())) // 2
        if row.lstrip().startswith("#"):
            told.append(row.strip().lstrip("# "))
        elif row.strip():
            name, _, default = row.strip().partition(":")
            path = path[:depth] + [name]
            found[".".join(path)] = (default.strip(), " ".join(told))
            told = []
        else:
            told = []
    return found


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def settings_table(program, which):
    user, provider = settings(program, "user"), settings(program, "provider")
    shared = [key for key in user if key in provider and user[key][1] == provider[key][1]]
    wanted = shared if which == "both" else [key for key in {"user": user, "provider": provider}[which] if key not in shared]
    rows = []
    for key in wanted:
        default, what = (user if which != "provider" else provider)[key]
        other = provider[key][0] if which == "both" else default
        if default == "" and any(name.startswith(f"{key}.") for name in wanted):
            default = other = "(group)"
        default = "" if default == "(group)" else f"`{default}`" if default else "empty"
        default += f", provider `{other}`" if which == "both" and other not in (user[key][0], "(group)") else ""
        rows.append((f"`{key}`", default, cell(what)))
    return table(("setting", "default", "what it is"), rows)


def keys(program, words):
    where, _, place = words.partition(" ")
    rows = [row for row in json.loads(asked(program, "keys", "--json")) if row["In"] == where and row["Where"] == place]
    if not rows:
        raise Failure(f"no keys for {words}")
    cells = [(" ".join(f"`{key}`" for key in row["Keys"]), cell(row["What"]), f"`{row['Name']}`") for row in rows]
    return table(("key", "what it does", "name"), cells)


def commands(program, *before):
    """(words, what it does) of every command below one."""
    section, found = False, []
    for row in asked(program, *before, "--help").splitlines():
        if row == "Commands:":
            section = True
        elif section and re.match(r"  [a-z]", row):
            name, _, what = row.strip().partition(" ")
            found.append([(*before, name), what.strip()])
        elif section and row.startswith("   "):
            found[-1][1] += " " + row.strip()
        else:
            section = False
    for words, what in found:
        yield " ".join(words), what
        yield from commands(program, *words)


def command_table(program, _):
    return table(("command", "what it does"), [(f"`{words}`", cell(what)) for words, what in commands(program)])


def exit_codes(program, _):
    said = " ".join(asked(program, "--help").split("Exit codes:")[1].split())
    return table(("exit code", "means"), [part.strip(". ").split(" ", 1) for part in said.split(",")])


def metrics(program, role):
    """[(name, kind, what it says)] of a broker."""
    with World(program, "demo"):
        said = subprocess.run(["curl", "-sf", f"http://127.0.0.1:{dict(user=1034, provider=3080)[role]}/metrics"],
                              capture_output=True, text=True, check=True).stdout
    told, kinds = dict(re.findall(r"^# HELP (\S+) (.*)$", said, re.M)), dict(re.findall(r"^# TYPE (\S+) (.*)$", said, re.M))
    return [(name, kinds[name], told[name]) for name in told]


def metric_table(program, role):
    return table(("metric", "kind", "what it says"), [(f"`{name}`", kind, cell(what)) for name, kind, what in metrics(program, role)])


MAKERS = {"settings": settings_table, "keys": keys, "commands": command_table, "exits": exit_codes, "metrics": metric_table}


def hold(program, page, write):
    problems, text = [], page.text
    for found, words in page.made:
        kind, _, rest = words.partition(" ")
        end = page.text.find(END, found.end())
        if kind not in MAKERS or end < 0:
            raise Failure(f"{page.name}: nothing is made by {words!r}, or its end is missing")
        made, told = MAKERS[kind](program, rest), page.text[found.end():end].strip()
        if write:
            text = text.replace(f"{found[0]}{page.text[found.end():end]}", f"{found[0]}\n\n{made}\n\n")
        elif made != told:
            lines = set(made.splitlines()) ^ set(told.splitlines())
            problems.append(f"{page.name}: {words} is not as the program says (--write mends it): " + "; ".join(sorted(lines)[:4]))
    if text != page.text:
        page.text = text
        page.save()
        page.__init__(page.name)
    if problems:
        raise Failure("\n".join(problems))
    return len(page.made)


def unnamed(program):
    """Settings, commands, screens, keys and metrics that no page names."""
    text = "\n".join(Page(name).text for name in names())
    with open(os.path.join(BOOK, "screens.md")) as file, open(os.path.join(BOOK, "console.md")) as console:
        headings = set(re.findall(r"^#+ (.*)$", file.read() + console.read(), re.M))
    found = []
    for role in ("user", "provider"):
        found += [f"setting {key} ({role})" for key in settings(program, role) if f"`{key}`" not in text]
        found += [f"metric {name} ({role})" for name, _, _ in metrics(program, role) if f"`{name}`" not in text]
    found += [f"command {words}" for words, _ in commands(program) if f"`{words}`" not in text]
    for row in json.loads(asked(program, "keys", "--json")):
        if row["Name"].startswith("screen-"):
            screen = row["What"].split(":")[0]
            found += [f"screen {screen}"] * (screen not in headings)
        found += [f"action {row['Name']} ({row['In']}, {row['Where']})"] * (f"`{row['Name']}`" not in text)
    return [f"no page names the {what}" for what in found]
