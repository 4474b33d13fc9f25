"""The pages of the book as files: what is in each, in order."""

import os
import re

BOOK = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs", "book", "src"))
REPOSITORY = os.path.normpath(os.path.join(BOOK, "..", "..", ".."))

# Pages whose commands another script runs.
OTHERS = {
    "install.md": "packaging/check, packaging/try_image.sh and packaging/try_deb.sh",
    "clients.md": "tests/by_hand/clients/run",
    "api/user.md": "tests/by_hand/recipes.py",
    "api/provider.md": "tests/by_hand/recipes.py",
}
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)(?P<words>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
COMMENT = re.compile(r"^ *<!-- (?P<kind>world|stop|screen|made|reason)(?:: (?P<words>.*?))? -->$", re.M)


class Failure(Exception):
    """The book says something that is not so."""


class Step:
    """Something that a page does: a block of commands with what they print, or the end of a terminal."""

    def __init__(self, line, kind, text="", words=(), told=None, told_kind=None):
        self.line, self.kind, self.text, self.words, self.told, self.told_kind = line, kind, text, words, told, told_kind


def names():
    """Every page, in the order of the book."""
    with open(os.path.join(BOOK, "SUMMARY.md")) as file:
        listed = re.findall(r"\]\(([^)]+\.md)\)", file.read())
    return [name for name in listed if not name.startswith("repository/")]


class Page:
    def __init__(self, name):
        self.name = name
        self.path = os.path.join(BOOK, name)
        if not os.path.exists(self.path):
            raise SystemExit(f"book: SUMMARY.md names {name}, which is not there")
        with open(self.path) as file:
            self.text = file.read()
        self.world, self.steps, self.screens, self.made, self.not_run = "none", [], [], [], []
        self.read()

    def save(self):
        with open(self.path, "w") as file:
            file.write(self.text)

    def read(self):
        fences = list(FENCE.finditer(self.text))
        inside = [range(fence.start(), fence.end()) for fence in fences]
        comments = [found for found in COMMENT.finditer(self.text) if not any(found.start() in span for span in inside)]
        last, reason = None, None
        for found in sorted(fences + comments, key=lambda found: found.start()):
            line = self.text.count("\n", 0, found.start()) + 1
            if found.re is COMMENT:
                kind, words = found["kind"], found["words"] or ""
                if kind == "world":
                    self.world = words
                elif kind == "stop":
                    self.steps.append(Step(line, "stop"))
                elif kind == "reason":
                    reason = words
                else:
                    (self.screens if kind == "screen" else self.made).append((found, words))
                last = None
                continue
            indent, language = len(found["indent"]), found["language"]
            text = "\n".join(row[indent:] for row in found["text"].splitlines())
            words = [word for word in re.split(r"[, ]+", found["words"]) if word]
            if language == "sh":
                last = Step(line, "sh", text, words)
                self.steps.append(last)
            elif language in ("text", "json") and last is not None:
                last.told, last.told_kind, last = text, language, None
            else:
                last = None
            if language == "console":
                self.not_run.append((self.name, line, text.splitlines()[0], reason or "no reason is told"))
                reason = None
