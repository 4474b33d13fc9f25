"""The screens in the book, as the program draws them now: driven by keys in tmux, 88 columns wide.

    <!-- screen: '$ zgserve-tui demo' ~eliza 2 Enter -->

A word is a key, by its name in tmux; `$ …` opens a program, `~…` waits until the screen shows that, `!…` until it does not, `=…` types a
text. Screens of a page follow each other in one terminal. With `--write` the block below gets what is there; without, its words have to be on the screen.
"""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import time

from pages import Failure
from world import World

COLUMNS, ROWS, PATIENCE = 88, 24, 40
# Of the words of a screen so many in a hundred may be others: ages, what just came in.
OTHER_WORDS = 8
SOCKET = f"zgserve-book-{os.getpid()}"
BLOCK = re.compile(r"\n```text\n(.*?)^```$", re.M | re.S)


def tmux(*words, environment=None):
    ran = subprocess.run(["tmux", "-L", SOCKET, *words], capture_output=True, text=True, env=environment)
    if ran.returncode != 0:
        raise Failure(f"tmux {words[0]}: {ran.stderr}")
    return ran.stdout


def close():
    """Ends the program that is open, and waits until it is gone and its ports are free."""
    asked = subprocess.run(["tmux", "-L", SOCKET, "list-panes", "-a", "-F", "#{pane_pid}"], capture_output=True, text=True)
    pids = asked.stdout.split()
    below = subprocess.run(["pgrep", "-P", ",".join(pids)], capture_output=True, text=True).stdout.split() if pids else []
    subprocess.run(["tmux", "-L", SOCKET, "kill-server"], capture_output=True)
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in pids + below) and time.monotonic() < until:
        time.sleep(0.05)


def seen():
    return "\n".join(row.rstrip() for row in tmux("capture-pane", "-p").rstrip().splitlines()) + "\n"


def wait_for(condition, what):
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise Failure(f"the screen never shows {what!r}:\n{seen()}")
        time.sleep(0.1)


def holds(word, screen):
    return (word[1:] in screen) == (word[0] == "~")


def settled(words):
    """The screen once it has been still for a moment, with what the last words wait for still on it."""
    last = list(itertools.takewhile(lambda word: word[0] in "~!", reversed(words)))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        before = seen()
        time.sleep(0.3)
        if seen() == before and all(holds(word, before) for word in last):
            return before
    raise Failure(f"the screen never stands still with {last}:\n{seen()}")


def follow(world, words):
    for word in words:
        if word.startswith("$ "):
            close()
            tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", world.place,
                 f"{word[2:]}; echo ended; sleep 60", environment=world.environment)
        elif word[0] in "~!":
            wait_for(lambda: holds(word, seen()), word)
        elif word.startswith("="):
            tmux("send-keys", "-l", word[1:])
            time.sleep(0.3)
        else:
            before = seen()
            tmux("send-keys", word)
            if word == "Escape":
                # With the next key read in the same breath it would be one key with Alt; what it closes is gone once it was read.
                until = time.monotonic() + 10
                while seen() == before and time.monotonic() < until:
                    time.sleep(0.05)
            # Dialogs take no key in their first moment.
            time.sleep(0.4)
    return settled(words)


def vocabulary(screen):
    return {word for word in re.findall(r"[A-Za-z]{3,}", re.sub(r"\S*\d\S*", " ", screen))}


def hold(program, page, write):
    if shutil.which("tmux") is None:
        page.not_run.append((page.name, 1, f"{len(page.screens)} screens", "there is no tmux"))
        return 0
    text, problems = page.text, []
    with World(program, page.world) as world:
        try:
            for found, words in page.screens:
                line = page.text.count("\n", 0, found.start()) + 1
                block = BLOCK.match(page.text, found.end())
                if block is None:
                    raise Failure(f"{page.name}:{line}: no block of text stands below")
                try:
                    now = follow(world, shlex.split(words)).replace(world.home, "/home/you")
                except Failure as failure:
                    raise Failure(f"{page.name}:{line}: {failure}") from None
                if write:
                    text = text.replace(found[0] + block[0], f"{found[0]}\n```text\n{now}```")
                    continue
                told, there = vocabulary(block[1]), vocabulary(now)
                missing = sorted(told - there)
                if len(missing) * 100 > len(told) * OTHER_WORDS:
                    problems.append(f"{page.name}:{line}: the screen has no {missing}:\n{now}")
        finally:
            close()
    if write and text != page.text:
        page.text = text
        page.save()
        page.__init__(page.name)
    if problems:
        raise Failure("\n".join(problems))
    return len(page.screens)
