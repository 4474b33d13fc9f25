"""The usage procedure by curl, from registering a service to taking a refund, with every neuron accounted for.

    python3 tests/by_hand/procedure.py target/release/zgserve-tui              # over the embedded chain
    python3 tests/by_hand/procedure.py target/release/zgserve-tui ANVIL        # three processes over anvil, at this path

Starts `demo --headless` on its usual ports (1034, 3080, 8545), or the three processes, and a model server of its own, and types
the procedure's curl lines. Ends with "procedure: N passed, 0 failed", or with the first thing that was not as stated.
Needs Python 3 and curl; uses nothing but loopback.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo import PROVIDER, USER, balance, check, curl, demo, finish, rpc, separate, wait_for

ANSWER = "This is a test! It was said as asked, and it costs what its tokens cost."


class Model(BaseHTTPRequestHandler):
    """An OpenAI-shaped model server with one answer, as much of it as the limit allows."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        words = ANSWER.split(" ")[:body.get("max_tokens")]
        reason = "stop" if words == ANSWER.split(" ") else "length"
        if body.get("stream"):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for word in words:
                delta = {"choices": [{"index": 0, "delta": {"content": word + " "}, "finish_reason": None}]}
                self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode())
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
            self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
            self.close_connection = True
            return
        message = {"role": "assistant", "content": " ".join(words)}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def walk(model_port, model_host="127.0.0.1"):
    # 3. Provider registers the service.
    service = json.dumps({"URL": f"http://{model_host}:{model_port}", "inputPrice": 100000, "outputPrice": 200000,
                          "Type": "chatbot", "Name": "llama7b"})
    status, answer = curl("-X", "POST", f"{PROVIDER}/v1/service", "-H", "Content-Type: application/json", "-d", service)
    check(status in (200, 202, 204), f"registering a second service (was {status}: {answer})")

    # 4. User checks available services.
    def listed():
        services = curl("-X", "GET", "http://localhost:1034/v1/service", expect=200)[1]
        return next((s for s in services["Items"] if s["Name"] == "llama7b"), None), services
    found, services = wait_for(lambda: listed() if listed()[0] else None, "llama7b in the list of services")
    check(services["Metadata"]["total"] == len(services["Items"]), "Metadata.total counts the items")
    check(found["InputPrice"] == "100000" and found["OutputPrice"] == "200000", "prices as decimal text")
    check({"UpdatedAt", "Provider", "Name", "Type", "URL"} <= set(found), "the keys of the procedure's example")
    check(str(model_port) not in found["URL"], "the public URL, not the upstream's")
    provider = found["Provider"]

    # 5. User creates an account.
    status, accounts = curl(f"{USER}/v1/provider", expect=200)
    before = next((a for a in accounts["Items"] if a["Provider"] == provider), None)
    if before is None:
        body = json.dumps({"provider": provider, "balance": "10000000"})
        status, answer = curl("-X", "POST", f"{USER}/v1/provider", "-H", "Content-Type: application/json", "-d", body)
        check(status in (200, 202, 204), f'an account with "balance": "10000000" (was {status}: {answer})')
        status, _ = curl("-X", "POST", f"{USER}/v1/provider", "-H", "Content-Type: application/json", "-d", body)
        check(status == 409, f"the same account twice is a conflict (was {status})")
    account = curl(f"{USER}/v1/provider/{provider}", expect=200)[1]
    check(before is not None or account["Balance"] == "10000000", "the deposit is on chain")
    deposit = int(account["Balance"])

    # 6. User utilizes the provider's service.
    route = f"{USER}/v1/provider/{provider}/service/llama7b/chat/completions"
    chat = {"messages": [{"role": "user", "content": "Say this is a test!"}], "temperature": 0.7}
    _, answer = curl(route, "-H", "Content-Type: application/json", "-d", json.dumps(chat), expect=200)
    check(answer["choices"][0]["message"]["content"] == ANSWER, "a plain answer")
    status, stream = curl("-N", route, "-H", "Content-Type: application/json", "-d",
                          json.dumps({**chat, "stream": True}), expect=200)
    check("data: [DONE]" in stream and "zg-receipt" not in stream, "a streamed answer without our comments")

    def finished():
        listing = curl(f"{USER}/v1/request", expect=200)[1]
        done = [r for r in listing["Items"] if r["ServiceName"] == "llama7b" and r["Status"] == "done"]
        return listing if len(done) == 2 else None
    listing = wait_for(finished, "two requests done")
    fees = 0
    for request in listing["Items"]:
        input_fee, output_fee = int(request["InputFee"]), int(request["OutputFee"])
        check(input_fee == 100000 * int(request["InputUnits"]), "input fee = price x tokens")
        check(output_fee == 200000 * int(request["OutputUnits"]), "output fee = price x tokens")
        check(int(request["Fee"]) == input_fee + output_fee, "fee = input fee + output fee")
        fees += int(request["Fee"])
    check(int(listing["Fee"]) == fees, "the list's fee is the sum")
    check(fees > 0, f"something was paid ({fees} neuron)")

    # 7. Provider settles the fee.
    contract = curl(f"{PROVIDER}/v1/terms", expect=200)[1]["Contract"]
    held, wallet = balance(contract), balance(provider)
    wait_for(lambda: int(curl(f"{PROVIDER}/v1/user")[1]["Items"][0]["Voucher"]) >= fees, "the voucher to arrive")
    block = int(rpc("eth_blockNumber"), 16)
    status, report = curl("-X", "POST", "http://127.0.0.1:3080/v1/settle")
    check(status in (200, 202, 204), f"settled (was {status}: {report})")
    gas = 0
    for number in range(block + 1, int(rpc("eth_blockNumber"), 16) + 1):
        for transaction in rpc("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if transaction["from"].lower() == provider.lower():
                receipt = rpc("eth_getTransactionReceipt", transaction["hash"])
                gas += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    check(gas > 0 and balance(provider) == wallet + fees - gas, f"wallet grew by exactly the fees minus gas ({gas})")
    check(balance(contract) == held - fees, "the contract's balance fell by exactly the fees")
    def on_chain(key):
        return int(curl(f"{USER}/v1/provider/{provider}")[1][key])
    wait_for(lambda: on_chain("Balance") == deposit - fees, "the account's balance fell by exactly the fees")
    check(on_chain("Settled") >= fees, "settled is told")
    books = curl(f"{PROVIDER}/v1/user", expect=200)[1]["Items"]
    check(balance(contract) == sum(int(user["Balance"]) for user in books), "contract balance = sum of balances")

    # A refund: requested, locked, processed when due.
    rest = deposit - fees
    status, answer = curl("-X", "POST", f"{USER}/v1/provider/{provider}/refund", "-H",
                          "Content-Type: application/json", "-d", json.dumps({"amount": str(rest + 1)}))
    check(status in (400, 402, 409), f"a refund above the free balance is refused (was {status}: {answer})")
    status, answer = curl("-X", "POST", f"{USER}/v1/provider/{provider}/refund", "-H",
                          "Content-Type: application/json", "-d", json.dumps({"amount": str(rest)}))
    check(status in (200, 202, 204), f"a refund of the rest (was {status}: {answer})")
    wait_for(lambda: on_chain("PendingRefund") == rest, "the refund is pending")
    refunds = curl(f"{USER}/v1/refund?processed=false", expect=200)[1]["Items"]
    check(len(refunds) == 1 and int(refunds[0]["Amount"]) == rest, "one refund, locked")
    status, answer = curl(route, "-H", "Content-Type: application/json", "-d", json.dumps(chat))
    check(status == 402, f"nothing can be bought with money that is asked back (was {status}: {answer})")
    rpc("evm_increaseTime", 200)
    rpc("evm_mine")
    wait_for(lambda: on_chain("Balance") == 0, "the refund is processed when due", 120)
    check(balance(contract) == held - deposit, "the money is back; the contract holds the others' only")
    processed = curl(f"{USER}/v1/refund?processed=true", expect=200)[1]["Items"]
    check(len(processed) == 1, "the refund is listed as processed")


def main():
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with separate(sys.argv[1], sys.argv[2]) if len(sys.argv) > 2 else demo(sys.argv[1]):
        walk(model.server_address[1])
    finish()


if __name__ == "__main__":
    main()
