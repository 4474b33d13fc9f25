"""The official OpenAI client for Node against 1034.

    python3 tests/by_hand/openai_node.py target/release/zgserve-tui      (needs: npm ci --prefix tests/by_hand)
"""

import os
import subprocess
import sys

from demo import account, check, demo, finish


def main():
    with demo(sys.argv[1]):
        account("chatbot", 10**15)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openai_client.mjs")
        run = subprocess.run(["node", script], capture_output=True, text=True, timeout=120)
        check(run.returncode == 0, f"models, plain, streamed, error: {run.stdout}{run.stderr}")
    finish()


if __name__ == "__main__":
    main()
