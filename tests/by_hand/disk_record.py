"""What a process did to its files and sockets, read from `strace`, and the disks that a power cut could have left of it.

The model is that of POSIX: a write may reach the disk at any time, in any order, in pieces of a sector; it surely has once an
fsync of its file that began after it has ended. A name is surely there once an fsync of its directory has ended.

    Recorder(words) ── runs a program under strace ──▶ a file of system calls
    events(file)    ── one after the other: Write, Cut, Name, Gone, Sync, Sent, Received
    Disk            ── follows them; image(pick) ── a directory as a power cut leaves it
"""

import os
import re
import signal
import subprocess
import time

SECTOR = 512
CALLS = ("openat,pwrite64,write,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
         "sendto,sendmsg,recvfrom")


class Recorder:
    """A program under strace. `process` is the program itself; strace runs beside it and ends with it."""

    def __init__(self, words, record, **more):
        strace = ["strace", "-D", "-f", "-y", "-xx", "-s", "4194304", "-e", "signal=none", "-e", f"trace={CALLS}", "-o", record]
        self.record = record
        self.process = subprocess.Popen([*strace, "--", *words], **more)

    def stop(self, how=signal.SIGTERM, seconds=60):
        with open(f"/proc/{self.process.pid}/status") as status:
            tracer = int(re.search(r"TracerPid:\s*(\d+)", status.read()).group(1))
        self.process.send_signal(how)
        code = self.process.wait(seconds)
        while runs(tracer):  # until it has written the last line
            time.sleep(0.02)
        return code


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


LINE = re.compile(r"^(\d+) +(.*)$")
UNFINISHED = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
WHOLE = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)(.*)$")
RESULT = re.compile(r"^(.*)\) += (-?\d+|\?)(.*)$")
FD = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def plain(escaped):
    """What strace wrote as \\x.., or as it stands where it is no text (`socket:[12]` is escaped too)."""
    return bytes.fromhex(escaped.replace("\\x", "")) if escaped.startswith("\\x") else escaped.encode()


def events(record):
    """The calls as (moment, kind, …); what takes time is told twice, at its begin and at its end. A write that its process did
    not live to see the end of is taken to have been made."""
    waiting = {}
    with open(record, encoding="latin-1") as lines:
        for moment, line in enumerate(lines):
            found = LINE.match(line.rstrip("\n"))
            if not found:
                continue
            thread, rest = found.groups()
            if begun := UNFINISHED.match(rest):
                name, words = begun.groups()
                waiting[thread] = (moment, name, words)
                yield from begin(moment, name, words)
            elif resumed := RESUMED.match(rest):
                at, name, words = waiting.pop(thread, (None, None, None))
                end = RESULT.match(resumed.group(2))
                if at is not None and end and end.group(2).lstrip("-").isdigit():
                    more, code, tail = end.groups()
                    yield from finish(at, name, words + more, int(code), tail)
            elif whole := WHOLE.match(rest):
                name, words, code, tail = whole.groups()
                if code != "?":
                    yield from begin(moment, name, words)
                    yield from finish(moment, name, words, int(code), tail)
    for at, name, words in waiting.values():
        if name in ("pwrite64", "ftruncate"):
            yield from finish(at, name, words, 1 << 30, "")


def path_of(words):
    found = FD.match(words)
    return plain(found.group(1)).decode("utf-8", "replace") if found else None


def is_socket(path):
    return path is not None and path.startswith(("socket:", "TCP", "UNIX"))


def begin(moment, name, words):
    path = path_of(words)
    if name in ("fsync", "fdatasync"):
        yield (moment, "sync begins", path)
    elif name in ("sendto", "sendmsg", "write", "writev") and is_socket(path):
        yield (moment, "sent", path, b"".join(plain(text) for text in TEXT.findall(words)))


def finish(moment, name, words, code, tail):
    path = path_of(words)
    if code < 0:
        return
    texts = [plain(text) for text in TEXT.findall(words)]
    if name == "recvfrom" and is_socket(path):
        yield (moment, "received", path, b"".join(texts))
    elif path is None and name not in ("rename", "link", "unlink"):
        return
    elif name in ("fsync", "fdatasync"):
        yield (moment, "synced", path)
    elif name == "pwrite64":
        offset = int(words.rsplit(",", 1)[1])
        yield (moment, "write", path, offset, texts[0][:code])
    elif name in ("write", "writev") and not is_socket(path) and path.startswith("/"):
        yield (moment, "append", path, b"".join(texts)[:code])
    elif name == "ftruncate":
        yield (moment, "cut", path, int(words.rsplit(",", 1)[1]))
    elif name == "openat" and "O_CREAT" in words and "O_TMPFILE" not in words:
        opened = FD.match(f"{code}{tail.strip()}")
        if opened:
            yield (moment, "made", plain(opened.group(1)).decode("utf-8", "replace"), "O_TRUNC" in words)
    elif name in ("rename", "renameat", "renameat2"):
        yield (moment, "renamed", absolute(words, 0), absolute(words, 1))
    elif name in ("link", "linkat"):
        yield (moment, "linked", absolute(words, 0), absolute(words, 1))
    elif name in ("unlink", "unlinkat"):
        yield (moment, "gone", absolute(words, 0))


def absolute(words, index):
    """The n-th path of a call, below the directory that stands before it."""
    found = list(TEXT.finditer(words))[index]
    text = plain(found.group(1)).decode("utf-8", "replace")
    before = words[:found.start()].rstrip(", ")
    place = re.search(r"<([^>]*)>$", before)
    if text.startswith("/") or not place:
        return text
    return os.path.join(plain(place.group(1)).decode("utf-8", "replace"), text)


class Inode:
    def __init__(self):
        self.durable = bytearray()
        self.pending = []  # (offset, bytes), or (length, None) for a cut
        self.length = 0    # as the process sees it

    def write(self, offset, data):
        self.pending.append((offset, data))
        self.length = max(self.length, offset + len(data))

    def cut(self, length):
        self.pending.append((length, None))
        self.length = length


def put(content, offset, data):
    if data is None:
        del content[offset:]
        content.extend(bytes(max(0, offset - len(content))))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset:offset + len(data)] = data


class Disk:
    """The files below a directory: as the process sees them, and what of them is surely on the disk."""

    def __init__(self, root):
        self.root = root
        self.names, self.durable_names = {}, {}
        self.syncing = {}

    def take(self, event):
        kind, path = event[1], event[2]
        if path is None or not path.startswith(self.root):
            return
        if kind == "made":
            inode = self.names.setdefault(path, Inode())
            if event[3]:
                inode.cut(0)
        elif kind == "write" and path in self.names:
            self.names[path].write(event[3], event[4])
        elif kind == "append" and path in self.names:
            inode = self.names[path]
            inode.write(inode.length, event[3])
        elif kind == "cut" and path in self.names:
            self.names[path].cut(event[3])
        elif kind in ("renamed", "linked"):
            inode = self.names.get(path)
            if inode is not None:
                self.names[event[3]] = inode
                if kind == "renamed":
                    del self.names[path]
        elif kind == "gone":
            self.names.pop(path, None)
        elif kind == "sync begins":
            # What comes while it runs is not covered by it.
            self.syncing[path] = self.names[path] if path in self.names else self.below(path)
            if path in self.names:
                self.syncing[path] = (self.names[path], len(self.names[path].pending))
        elif kind == "synced":
            begun = self.syncing.pop(path, None)
            if isinstance(begun, tuple):
                inode, count = begun
                for offset, data in inode.pending[:count]:
                    put(inode.durable, offset, data)
                del inode.pending[:count]
            elif begun is not None:
                gone = [name for name in self.durable_names if os.path.dirname(name) == path]
                for name in gone:
                    del self.durable_names[name]
                self.durable_names.update(begun)

    def below(self, directory):
        return {name: inode for name, inode in self.names.items() if os.path.dirname(name) == directory}

    def unsynced(self):
        return any(inode.pending for inode in self.names.values())

    def image(self, into, wanted, chance=None):
        """Writes the files that `wanted` takes as a power cut leaves them; without a `chance` only what is sure is there."""
        names = self.durable_names if chance is None else {**self.durable_names, **self.names}
        for name, inode in names.items():
            if not wanted(name):
                continue
            content = bytearray(inode.durable)
            for offset, data in inode.pending if chance is not None else []:
                for at, piece in torn(offset, data, chance):
                    put(content, at, piece)
            with open(os.path.join(into, os.path.basename(name)), "wb") as file:
                file.write(content)


def torn(offset, data, chance):
    """The pieces of a write that reached the disk: all, none, or some of its sectors."""
    fate = chance.random()
    if fate < 0.3:
        return [(offset, data)]
    if fate < 0.5:
        return []
    if data is None:
        return [(offset, data)] if fate < 0.75 else []
    pieces, at = [], offset
    while at < offset + len(data):
        end = min((at // SECTOR + 1) * SECTOR, offset + len(data))
        if chance.random() < 0.5:
            pieces.append((at, data[at - offset:end - offset]))
        at = end
    return pieces
