"""Makes the pictures of the README from the real program: assets/{services,chat,accounts,refunds,console}.svg.

    python3 tests/by_hand/picture.py target/release/zgserve-tui

Runs `demo` in tmux and does what a newcomer does: looks at the services, opens an account, chats, asks money back. Then `demo --traffic` with
`console` beside it, until one of the users tries to leave. Writes down what the terminal shows, cell by cell. Needs Python 3, curl and
tmux; uses nothing but loopback.
"""

import html
import os
import re
import subprocess
import sys
import time

from demo import PROVIDER, curl, demo, wait_for

COLUMNS, ROWS = 120, 30
CELL, LINE, EDGE = 8.4, 18, 14
BASIC = ["#1d2021", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0",
         "#6b7280", "#ff7b86", "#b5e890", "#ffd68a", "#7fc1ff", "#e29bf5", "#77d6e2", "#ffffff"]
PAPER, INK = "#16181d", "#d7dae0"


def indexed(number):
    if number < 16:
        return BASIC[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    number -= 16
    level = lambda part: 0 if part == 0 else 55 + 40 * part
    return "#" + "".join(f"{level(part):02x}" for part in (number // 36, number // 6 % 6, number % 6))


def styled(codes, style):
    """The style after an escape sequence's numbers."""
    style, codes = dict(style), list(codes)
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code in (1, 2, 3, 4, 7):
            style[code] = True
        elif code == 22:
            style.pop(1, None), style.pop(2, None)
        elif code in (23, 24, 27):
            style.pop(code - 20, None)
        elif code in (38, 48):
            kind = codes.pop(0)
            colour = indexed(codes.pop(0)) if kind == 5 else "#" + "".join(f"{codes.pop(0):02x}" for _ in range(3))
            style["ink" if code == 38 else "paper"] = colour
        elif code in (39, 49):
            style.pop("ink" if code == 39 else "paper", None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["ink"] = BASIC[code - 30 if code < 90 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style["paper"] = BASIC[code - 40 if code < 100 else code - 92]
    return style


def runs(line):
    """Pieces of a line of equal style: column, text, style."""
    column, style = 0, {}
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b["):
            style = styled([int(number or 0) for number in piece[2:-1].split(";")], style)
        elif piece:
            yield column, piece, style
            column += len(piece)


def svg(screen):
    width, height = COLUMNS * CELL + 2 * EDGE, ROWS * LINE + 2 * EDGE
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
             f'viewBox="0 0 {width:.0f} {height}" font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" '
             f'font-size="14">', f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>']
    for row, line in enumerate(screen.split("\n")[:ROWS]):
        for column, text, style in runs(line):
            ink, paper = style.get("ink", INK), style.get("paper")
            if style.get(7):
                ink, paper = paper or PAPER, ink
            x, y = EDGE + column * CELL, EDGE + row * LINE
            if paper:
                parts.append(f'<rect x="{x:.1f}" y="{y}" width="{len(text) * CELL:.1f}" height="{LINE}" fill="{paper}"/>')
            if text.strip():
                looks = (' font-weight="bold"' if style.get(1) else "") + (' opacity="0.65"' if style.get(2) else "")
                looks += ' text-decoration="underline"' if style.get(4) else ""
                parts.append(f'<text x="{x:.1f}" y="{y + 13}" textLength="{len(text) * CELL:.1f}" fill="{ink}"{looks} '
                             f'xml:space="preserve">{html.escape(text)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def tmux(*words):
    run = subprocess.run(["tmux", "-L", "zgserve-picture", *words], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"picture: tmux {words[0]}: {run.stderr}")
    return run.stdout


class Screen:
    """A program in tmux."""

    def __init__(self, command):
        tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), f"COLORTERM=truecolor {command}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        tmux("kill-server")

    def shows(self, text, seconds=30):
        wait_for(lambda: text in tmux("capture-pane", "-p"), f"the screen to show {text!r}", seconds)

    def press(self, *keys):
        for key in keys:
            tmux("send-keys", key)
            # A person's pace: dialogs take no key in their first moment.
            time.sleep(0.5)

    def type(self, text):
        tmux("send-keys", "-l", text)
        time.sleep(0.5)

    def keep(self, name):
        time.sleep(0.5)
        target = os.path.join(os.path.dirname(__file__), "..", "..", "assets", f"{name}.svg")
        with open(target, "w") as file:
            file.write(svg(tmux("capture-pane", "-ep")))
        print(f"picture: {os.path.normpath(target)}")


def newcomer(binary):
    ports = "--user-port 31834 --provider-port 31880 --chain-port 31845"
    with Screen(f"{binary} demo {ports} --lock-time 60") as screen:
        screen.shows("eliza")
        screen.press("Enter")
        screen.shows("As asked from here")
        screen.keep("services")
        screen.press("Escape", "O")
        screen.shows("Amount")
        screen.type("0.01 A0GI")
        screen.shows("Fee")
        screen.press("Enter")
        screen.shows("Cancel")
        screen.press("y")
        screen.shows("on the chain, in block")
        screen.press("Escape", "c")
        screen.shows("eliza")
        screen.type("Show me a small Rust function that adds two numbers, please.")
        screen.press("Enter")
        screen.shows("verified", 60)
        screen.type("And what does it cost to ask you that?")
        screen.press("Enter")
        time.sleep(4)
        screen.keep("chat")
        screen.press("M-4")
        screen.shows("spendable")
        screen.press("W")
        screen.shows("Amount")
        screen.type("0.004 A0GI")
        screen.shows("Fee")
        screen.press("Enter")
        screen.shows("Cancel")
        screen.press("y")
        screen.shows("on the chain, in block")
        screen.press("Escape")
        screen.keep("accounts")
        screen.press("6")
        screen.shows("locked")
        screen.keep("refunds")


def provider(binary):
    with demo(binary, "--traffic"), Screen(f"{binary} console --url {PROVIDER}") as screen:
        wait_for(lambda: curl(f"{PROVIDER}/v1/overview")[1]["InDanger"] == 1, "somebody to leave", 120)
        screen.shows("refund 0")
        screen.keep("console")


def main():
    binary = os.path.abspath(sys.argv[1])
    newcomer(binary)
    provider(binary)


if __name__ == "__main__":
    main()
