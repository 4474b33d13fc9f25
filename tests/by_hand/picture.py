"""Makes the pictures of the README from the real program: assets/console.svg.

    python3 tests/by_hand/picture.py target/release/zgserve-tui

Runs `demo --traffic` and, in tmux, `console` beside it, waits until one of the users tries to leave, and writes down what the terminal
shows, cell by cell. Needs Python 3, curl and tmux; uses nothing but loopback.
"""

import html
import os
import re
import subprocess
import sys

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


def main():
    binary = os.path.abspath(sys.argv[1])
    target = os.path.join(os.path.dirname(__file__), "..", "..", "assets", "console.svg")
    with demo(binary, "--traffic"):
        tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS),
             f"COLORTERM=truecolor {binary} console --url {PROVIDER}")
        try:
            wait_for(lambda: curl(f"{PROVIDER}/v1/overview")[1]["InDanger"] == 1, "somebody to leave", 120)
            wait_for(lambda: "refund 0" in tmux("capture-pane", "-p"), "the screen to show it")
            with open(target, "w") as file:
                file.write(svg(tmux("capture-pane", "-ep")))
        finally:
            tmux("kill-server")
    print(f"picture: {os.path.normpath(target)}")


if __name__ == "__main__":
    main()
