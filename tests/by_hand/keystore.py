#!/usr/bin/env python3
"""Key files between this program and others, both ways: eth-account (as geth's) and ethers, scrypt and PBKDF2, at full strength.

    python3 tests/by_hand/keystore.py target/debug/zgserve-tui

Needs `pip install eth-account`; ethers is left out unless `npm ci --prefix tests/by_hand` brought it or NODE_PATH has it.
Ends with 0 if every file opens on the other side with its passphrase, and with no other.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from eth_account import Account

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
PASSPHRASE = "grüße 🔑"
ETHERS = """
const { Wallet, encryptKeystoreJson } = require("ethers");
const [what, text, passphrase] = process.argv.slice(1);
const open = async () => (await Wallet.fromEncryptedJson(text, passphrase)).privateKey;
const make = async () => {
  const wallet = new Wallet(text);
  return encryptKeystoreJson({ address: wallet.address, privateKey: wallet.privateKey }, passphrase);
};
(what === "open" ? open() : make()).then((said) => console.log(said), (error) => { console.error(error.message); process.exit(1); });
"""


def ours(binary, home, *args, old=None, key=""):
    """Runs a command of ours; the passphrase of a foreign file is typed at a terminal, ours comes from a file."""
    words = [binary, *args, "--data-dir", os.path.join(home, "data"), "--passphrase-file", os.path.join(home, "passphrase")]
    if old is None:
        return subprocess.run(words, input=key + "\n", text=True, capture_output=True, timeout=60)
    import pty

    said, pid, fd = b"", *pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    while b"Passphrase of" not in said:
        said += os.read(fd, 1024)
    os.write(fd, old.encode() + b"\n")
    try:
        while piece := os.read(fd, 1024):
            said += piece
    except OSError:
        pass
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return subprocess.CompletedProcess(words, code, said.decode(), "")


def ethers(*args):
    return subprocess.run(["node", "-e", ETHERS, *args], text=True, capture_output=True, timeout=120)


def check(what, condition, said=""):
    print(("ok    " if condition else "FAIL  ") + what)
    assert condition, said


def main():
    binary = os.path.abspath(sys.argv[1])
    address = Account.from_key(KEY).address
    theirs = {f"eth-account, {kdf}": json.dumps(Account.encrypt(KEY, PASSPHRASE, kdf=kdf)) for kdf in ("scrypt", "pbkdf2")}
    with_ethers = shutil.which("node") and ethers("make", "0x" + KEY, PASSPHRASE).returncode == 0
    if with_ethers:
        theirs["ethers"] = ethers("make", "0x" + KEY, PASSPHRASE).stdout
    else:
        print("--    ethers is not here")
    for program, text in theirs.items():
        with tempfile.TemporaryDirectory() as home:
            file = os.path.join(home, "theirs.json")
            for name, content in (("theirs.json", text), ("passphrase", PASSPHRASE + "\n")):
                with open(os.open(os.path.join(home, name), os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
                    out.write(content)
            wrong = ours(binary, home, "wallet", "import", "--file", file, old="grusse")
            check(f"{program}: not with another passphrase", wrong.returncode == 3 and "does not fit" in wrong.stdout, wrong)
            taken = ours(binary, home, "wallet", "import", "--file", file, old=PASSPHRASE)
            check(f"{program}: its file is taken in", taken.returncode == 0 and address in taken.stdout, taken)
            with open(os.path.join(home, "data", "keys", address.lower() + ".json")) as made:
                made = made.read()
            check(f"{program}: eth-account opens ours", Account.decrypt(made, PASSPHRASE).hex().removeprefix("0x") == KEY)
            try:
                Account.decrypt(made, "grusse")
                check(f"{program}: ours opens with any passphrase", False)
            except ValueError:
                pass
            if with_ethers:
                opened = ethers("open", made, PASSPHRASE)
                check(f"{program}: ethers opens ours", opened.stdout.strip() == "0x" + KEY, opened)


if __name__ == "__main__":
    main()
