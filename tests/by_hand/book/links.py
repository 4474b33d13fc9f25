"""Links of the book: each leads to a page or a heading that is there, and each page is in SUMMARY.md."""

import os
import re

from pages import BOOK, COMMENT, FENCE, Failure

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"|!\[[^\]]*\]\(([^)\s]+)\)")


def text_of(path):
    with open(path) as file:
        text = file.read()
    # A page that is a file of the repository.
    return re.sub(r"\{\{#include ([^}]+)\}\}", lambda found: text_of(os.path.join(os.path.dirname(path), found[1].strip())), text)


def anchors(text):
    """Names of headings as mdBook makes them."""
    found = set()
    for heading in re.findall(r"^#{1,6} (.*)$", FENCE.sub("", text), re.M):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).lower()).replace(" ", "-")
        number = next(n for n in range(99) if (f"{name}-{n}" if n else name) not in found)
        found.add(f"{name}-{number}" if number else name)
    return found


def problems():
    pages = [os.path.relpath(os.path.join(folder, name), BOOK) for folder, _, files in os.walk(BOOK) for name in files if name.endswith(".md")]
    texts = {name: text_of(os.path.join(BOOK, name)) for name in pages}
    found = [f"{name} is not in SUMMARY.md" for name in pages if name != "SUMMARY.md" and f"]({name})" not in texts["SUMMARY.md"]]
    for name, text in texts.items():
        text = COMMENT.sub("", re.sub(r"`[^`\n]+`", "", FENCE.sub("", text)))
        for target in (next(filter(None, link)) for link in LINK.findall(text)):
            if re.match(r"https?:|mailto:", target):
                continue
            file, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(BOOK, os.path.dirname(name), file)) if file else os.path.join(BOOK, name)
            if not os.path.exists(path) or not path.startswith(BOOK):
                found.append(f"{name} links to {target}, which is not in the book")
            elif anchor and path.endswith(".md") and anchor not in anchors(text_of(path)):
                found.append(f"{name} links to {target}, which has no such heading")
    return found


def say(problem):
    raise Failure(problem)
