"""The book in docs/book, held against the program: its commands are run, its screens and tables made anew, its links followed.

    python3 tests/by_hand/book.py target/release/zgserve-tui                     # everything
    python3 tests/by_hand/book.py target/release/zgserve-tui start.md            # only these pages
    python3 tests/by_hand/book.py target/release/zgserve-tui --write [PAGE…]     # puts tables and screens of this program into the pages

Each page begins with `<!-- world: … -->`: what runs before its first command (book/world.py). Blocks of `sh` are run in order in one
shell; a `text` or `json` block right after one is what it printed, with other numbers, times, ids and hashes (book/shape.py). `sh,terminal`
goes on in a terminal of its own until the page ends or says `<!-- stop -->`; `sh,fails` and `sh,refused` end with an error;
`sh,soon` is run again for some seconds until it prints what it should. `console` is not run. `<!-- screen: … -->` stands above a screen, with the keys that lead there (book/screens.py); `<!-- made: … -->` above a table that
is made from the program (book/made.py). Needs Python 3 and curl, tmux for the screens; uses nothing but loopback.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "book"))

import links
import made
import screens
from pages import BOOK, Failure, OTHERS, Page, names
from world import World


def run(program, page):
    """Runs a page's commands; gives how many."""
    count, problems = 0, []
    with World(program, page.world) as world:
        for step in page.steps:
            try:
                count += world.step(step)
            except Failure as failure:
                problems.append(f"{page.name}:{step.line}: {failure}")
    if problems + world.problems:
        raise Failure("\n  NOT SO: ".join(problems + world.problems))
    return count


def main():
    write = "--write" in sys.argv
    program, *chosen = [word for word in sys.argv[1:] if word != "--write"]
    program, began, failures, not_run = os.path.abspath(program), time.monotonic(), [], []

    def attempt(work, *words):
        try:
            return work(*words)
        except Failure as failure:
            failures.append(str(failure))
            print(f"  NOT SO: {failure}", flush=True)

    pages = [Page(name) for name in chosen or names()]
    for page in pages:
        at = time.monotonic()
        if page.name in OTHERS:
            print(f"  {page.name}: run by {OTHERS[page.name]}", flush=True)
            continue
        tables = attempt(made.hold, program, page, write) or 0
        looked = attempt(screens.hold, program, page, write) if page.screens else 0
        ran = attempt(run, program, page) or 0
        not_run += page.not_run
        print(f"  {page.name}: {ran} commands, {looked or 0} screens, {tables} tables, {time.monotonic() - at:.1f} s", flush=True)
    if not chosen:
        for problem in links.problems() + made.unnamed(program):
            attempt(links.say, problem)
    for page, line, first, reason in not_run:
        print(f"  not run: {page}:{line}: {first} ({reason})")
    print(f"book: {len(pages)} pages of {os.path.relpath(BOOK)}, {len(failures)} failed, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
