"""Whether what a command printed has the shape of what the book says: the same words, with other numbers, times, ids and hashes."""

import json
import re

from pages import Failure

LEFT_OUT = "…"


def plain(line):
    line = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?( UTC)?", "<time>", line)
    line = re.sub(r"\b0x([0-9a-fA-F]{8,}\b|…)", "<hex>", line)
    line = re.sub(r"\b[0-9a-f]{32,}\b", "<hex>", line)
    line = re.sub(r"\d+([.,]\d+)*", "<n>", line)
    return " ".join(line.split())


def text(told, found):
    """Holds text against text; `…` in a line stands for anything, a line of its own for any lines."""
    lines = [plain(line) for line in told.strip("\n").splitlines()]
    found = "\n".join(plain(line) for line in found.strip("\n").splitlines()) + "\n"
    pattern = ""
    for line in lines:
        pattern += "(?:.*\n)*?" if line == LEFT_OUT else ".*".join(map(re.escape, line.split(LEFT_OUT))) + "\n"
    if re.fullmatch(pattern, found) is None:
        raise Failure(f"it printed something else:\n--- the book\n{chr(10).join(lines)}\n--- the program\n{found}")


def kind(value):
    if isinstance(value, str):
        return plain(value)
    return {bool: "truth", int: "number", float: "number"}.get(type(value), type(value).__name__)


def members(told, found, where):
    """How an answer differs in shape from what the book tells; None if it does not."""
    if told == LEFT_OUT:
        return None
    if isinstance(told, dict) and isinstance(found, dict):
        missing, more = set(told) - set(found) - {LEFT_OUT}, set(found) - set(told)
        if missing or (more and LEFT_OUT not in told):
            return f"{where}: lacks {sorted(missing)}, has {sorted(more)} beyond the book"
        return next(filter(None, (members(told[key], found[key], f"{where}.{key}") for key in told if key != LEFT_OUT)), None)
    if isinstance(told, list) and isinstance(found, list):
        if not told or not found:
            return None if told == found else f"{where}: {found} instead of {told}"
        return members(told[0], found[0], f"{where}[0]")
    if told is None or found is None:
        return None
    if isinstance(told, str) and LEFT_OUT in told and isinstance(found, str):
        return None
    return None if kind(told) == kind(found) else f"{where} is {found!r}, not like {told!r}"


def json_text(told, found):
    difference = members(json.loads(told), json.loads(found), "it")
    if difference:
        raise Failure(difference)
