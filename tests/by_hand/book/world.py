"""The place in which the commands of a page are run: a home of its own, a shell, terminals, and what runs before the first command.

    <!-- world: none -->                  nothing runs
    <!-- world: demo --lock-time 5 -->    `zgserve-tui demo --headless` with these flags
    <!-- world: devnet -->                `zgserve-tui devnet`
    <!-- world: devnet, model -->         and a stand-in for a model server on 127.0.0.1:8080
"""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import shape
from pages import Failure, REPOSITORY

# A command that fails is remembered, and so is a call that is refused; a page's shell goes on, so that its variables stay.
START = r"""
shopt -s expand_aliases
curl() { command curl -sS --max-time 60 -w '%{stderr}\n%{http_code} answered\n' "$@"; }
trap 'failed="${failed:-$BASH_COMMAND}"' ERR
set -E
"""
PATIENCE = 60
# Seconds for which `sh,soon` is run again until it prints what it should.
SOON = 20


def model_server():
    """The real model of tests/by_hand/model.py where it was built, else the stub that answers in its place."""
    place = os.environ.get("ZGSERVE_MODEL_DIR", os.path.join(REPOSITORY, "target", "model"))
    weights = glob.glob(os.path.join(place, "**", "SmolLM2*.gguf"), recursive=True)
    python = os.path.join(place, "bin", "python")
    if not weights or not os.path.exists(python):
        return f"exec {sys.executable} {os.path.join(REPOSITORY, 'tests', 'by_hand', 'clients', 'stub.py')} 8080"
    return (f"exec {python} -m llama_cpp.server --model {weights[0]} --model_alias llama-7b --host 127.0.0.1 --port 8080 "
            "--n_ctx 2048 --n_threads 2 --interrupt_requests False")


def listening():
    """Ports that somebody listens on."""
    with open("/proc/net/tcp") as file:
        return {int(row.split()[1].split(":")[1], 16) for row in file.readlines()[1:] if row.split()[3] == "0A"}


def answers(port):
    """Whether something that speaks HTTP answers, whatever it says."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class Terminal:
    """A program that goes on beside the page's shell."""

    def __init__(self, script, environment, place):
        before = listening()
        self.script, self.log = script, tempfile.TemporaryFile("w+")
        # What starts this may have told its children to ignore Ctrl-C, as shells do with what runs in the background.
        self.process = subprocess.Popen(["bash", "--norc", "-c", script], env=environment, cwd=place, stdout=self.log,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        until = time.monotonic() + PATIENCE
        while not (new := listening() - before) or not all(map(answers, new)):
            if self.process.poll() is not None:
                raise Failure(f"it ended with {self.process.returncode}: {script}\n{self.said()}")
            if time.monotonic() > until:
                self.stop()
                raise Failure(f"nobody answers after {PATIENCE} s: {script}\n{self.said()}")
            time.sleep(0.05)
        time.sleep(0.3)

    def said(self):
        self.log.seek(0)
        return self.log.read()[-2000:]

    def stop(self):
        """Ctrl-C, as a person would."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise Failure(f"it does not stop: {self.script}\n{self.said()}")
        return self.process.returncode


class World:
    def __init__(self, program, words):
        self.program, self.words, self.terminals = program, words, []

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="book-")
        self.place = os.path.join(self.home, "here")
        os.makedirs(os.path.join(self.home, "bin"))
        os.mkdir(self.place)
        os.symlink(self.program, os.path.join(self.home, "bin", "zgserve-tui"))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("ZGSERVE", "XDG"))}
        self.environment |= {"HOME": self.home, "PATH": f"{self.home}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        self.bash = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     text=True, env=self.environment, cwd=self.place, start_new_session=True)
        self.bash.stdin.write(START)
        try:
            for part in self.words.split(", "):
                name, _, flags = part.partition(" ")
                if name == "demo":
                    self.terminal(f"exec zgserve-tui demo --headless {flags}")
                elif name == "devnet":
                    self.terminal(f"exec zgserve-tui devnet {flags}")
                elif name == "model":
                    self.terminal(model_server())
                elif name != "none":
                    raise Failure(f"there is no world {name}")
        except BaseException:
            self.__exit__()
            raise
        self.before = len(self.terminals)
        return self

    def __exit__(self, *_):
        problems = []
        while self.terminals:
            try:
                self.terminals.pop().stop()
            except Failure as failure:
                problems.append(str(failure))
        self.bash.stdin.close()
        try:
            self.bash.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.bash.pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)
        self.problems = problems

    def terminal(self, script):
        self.terminals.append(Terminal(script, self.environment, self.place))

    def step(self, step):
        if step.kind == "stop" and len(self.terminals) == self.before:
            raise Failure("there is no terminal to stop")
        if step.kind == "stop":
            code = self.terminals.pop().stop()
            if code not in (0, 130, -signal.SIGINT):
                raise Failure(f"what was stopped ended with {code}")
            return 0
        if "terminal" in step.words:
            self.terminal(step.text)
            return 1
        until = time.monotonic() + (SOON if "soon" in step.words else 0)
        while True:
            try:
                return self.run(step)
            except Failure:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def run(self, step):
        output, failed, errors = self.block(step.text, apart=step.told_kind == "json")
        refused = [row[:3] for row in (output + errors).splitlines() if row.endswith(" answered") and row[:3] >= "400"]
        output = "\n".join(row for row in output.splitlines() if not re.fullmatch(r"\d{3} answered", row))
        if ("refused" in step.words) != bool(refused):
            raise Failure(f"its calls were answered {refused or 'well'}:\n{step.text}\n{output}\n{errors}")
        if ("fails" in step.words) != bool(failed):
            raise Failure(f"{f'`{failed}` failed' if failed else 'it succeeds'}:\n{step.text}\n{output}\n{errors}")
        if step.told_kind == "json":
            shape.json_text(step.told, output)
        elif step.told is not None:
            shape.text(step.told, output)
        return 1

    def block(self, text, apart):
        """Runs a block; gives what it printed, the first command that failed, and its errors if they shall be apart."""
        out, err = os.path.join(self.home, "out"), os.path.join(self.home, "err")
        errors = f"2>'{err}'" if apart else "2>&1"
        self.bash.stdin.write(f"failed=\n{{ :\n{text}\n}} >'{out}' {errors}\necho \"over $failed\" | head -n 1\n")
        self.bash.stdin.flush()
        line = self.bash.stdout.readline()
        if not line.startswith("over"):
            raise Failure(f"the shell ended at:\n{text}")
        with open(out, errors="replace") as file:
            printed = file.read()
        if not apart:
            return printed, line[5:].strip(), ""
        with open(err, errors="replace") as file:
            return printed, line[5:].strip(), file.read()
