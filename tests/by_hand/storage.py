"""100 MB up and down through the zgStorage service, with constant memory and every byte paid once.

    python3 tests/by_hand/storage.py target/release/zgserve-tui [megabytes]
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile

from demo import USER, account, check, curl, demo, finish, wait_for


def resident(pid, key):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith(key))


def main():
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with demo(sys.argv[1]) as process, tempfile.TemporaryDirectory() as folder:
        provider = account("zgStorage", 10**18)
        services = curl(f"{USER}/v1/service")[1]["Items"]
        service = next(s for s in services if s["Type"] == "zgStorage")
        route = f"{USER}/v1/provider/{provider}/service/{service['Name']}"
        path, back = os.path.join(folder, "up"), os.path.join(folder, "down")
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for _ in range(megabytes):
                block = os.urandom(1 << 20)
                digest.update(block)
                file.write(block)
        before = resident(process.pid, "VmRSS")
        status, stored = curl("-X", "POST", f"{route}/", "-H", "Content-Type: application/octet-stream", "-H", "Expect:",
                              "--data-binary", f"@{path}")
        check(status == 200, f"{megabytes} MB up (was {status}: {str(stored)[:200]})")
        check(stored["root"].removeprefix("0x") == digest.hexdigest(), "what was stored is what was sent")
        run = subprocess.run(["curl", "-sS", "-o", back, "-w", "%{http_code}", f"{route}/{stored['root']}"],
                             capture_output=True, text=True, timeout=300)
        check(run.stdout == "200", f"{megabytes} MB down (was {run.stdout} {run.stderr})")
        with open(back, "rb") as file:
            check(hashlib.file_digest(file, "sha256").hexdigest() == digest.hexdigest(), "the same bytes come back")
        peak = resident(process.pid, "VmHWM")
        check(peak - before < 48, f"memory stayed flat: {before} MB before, {peak} MB at most")

        def done():
            listing = curl(f"{USER}/v1/request", expect=200)[1]
            return listing if all(r["Status"] == "done" for r in listing["Items"]) else None
        listing = wait_for(done, "both requests done")
        size = megabytes << 20
        units = [(int(r["InputUnits"]), int(r["OutputUnits"])) for r in listing["Items"]]
        check(sum(i for i, _ in units) == size, "bytes up are counted once")
        check(sum(o for _, o in units) == size + len(json.dumps(stored, separators=(",", ":"))), "bytes down are counted once")
    finish()


if __name__ == "__main__":
    main()
