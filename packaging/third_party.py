"""Prints the licences of everything that is compiled into the program, as most of them ask of whoever hands it on.

    python3 packaging/third_party.py x86_64-unknown-linux-gnu > THIRD-PARTY

Follows the normal dependencies from Cargo.lock for one target and prints each text once, with the crates that come under
it. Needs the crates' sources, which a build has fetched. A crate without a licence file is listed with its expression.
"""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LICENCE = re.compile(r"^(licen[cs]e|copying|notice|unlicense|copyright)", re.I)


def linked(metadata):
    """The packages that the program is linked with."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, ahead = set(), [metadata["resolve"]["root"]]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        ahead += [dep["pkg"] for dep in nodes[name]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
    found.remove(metadata["resolve"]["root"])
    return sorted((p for p in metadata["packages"] if p["id"] in found), key=lambda p: (p["name"], p["version"]))


def texts(package):
    folder = os.path.dirname(package["manifest_path"])
    for place, folders, files in os.walk(folder):
        # What a crate brings along in C has its licence further down.
        folders[:] = sorted(f for f in folders if f not in ("tests", "benches", "examples", "doc", "docs"))
        for file in sorted(files):
            path = os.path.join(place, file)
            if LICENCE.match(file) and not file.endswith((".rs", ".go", ".c", ".h", ".py", ".sh")) and os.path.getsize(path) < 200_000:
                with open(path, encoding="utf-8", errors="replace") as text:
                    yield text.read().strip()


def main():
    words = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", sys.argv[1]]
    metadata = json.loads(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    under, bare = {}, []
    for package in linked(metadata):
        name = f"{package['name']} {package['version']} ({package['license'] or 'see below'})"
        found = list(dict.fromkeys(texts(package)))
        if not found:
            bare.append(name)
        for text in found:
            under.setdefault(re.sub(r"\s+", " ", text), (text, []))[1].append(name)
    print("zgserve-tui is linked with the following, under the licences that follow.\n")
    for text, names in sorted(under.values(), key=lambda pair: -len(pair[1])):
        print("=" * 80 + "\n" + "\n".join(names) + "\n" + "-" * 80 + "\n" + text + "\n")
    print("=" * 80 + "\nWithout a file of their own; their licences are those named, whose texts stand above:\n" + "\n".join(bare))


if __name__ == "__main__":
    main()
