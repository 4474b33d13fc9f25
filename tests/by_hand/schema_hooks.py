"""What schemathesis cannot know by the documents alone; `schema_fuzz.py` has it read this file.

Addresses have a checksum where their case is mixed, and the zero address is nobody's. A voucher is one of the right form, refused
for its signature. The service that is called meanwhile is not described anew. And some requests are as the document says but
cannot be done: a cursor is one that a list gave out, what a service takes only the service says, and so on (`excused`).
"""

import base64
import os
import re
import struct

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import ServerError
from schemathesis.openapi.checks import RejectedPositiveData

PROVIDER = bytes.fromhex(os.environ["ZGSERVE_FUZZ_PROVIDER"].removeprefix("0x"))
# Routes that pass a request on: what they take, the service behind them says.
PASSES_ON = re.compile("^/v1/(proxy/|provider/[^/]+/service/|chat/completions|completions|embeddings)")


def voucher(user, cumulative):
    signature = (1).to_bytes(32, "big") + (1).to_bytes(32, "big") + bytes([27])
    raw = user + PROVIDER + struct.pack(">I", 0) + cumulative.to_bytes(16, "big") + signature
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


somebody = st.binary(min_size=20, max_size=20).filter(any)
schemathesis.openapi.format("address", somebody.map(lambda raw: "0x" + raw.hex()))
schemathesis.openapi.format("voucher", st.builds(voucher, somebody, st.integers(0, 2**112 - 1)))
schemathesis.openapi.format("uri", st.sampled_from(["http://127.0.0.1:9/", "https://127.0.0.1:9/v1?x=1"]))
schemathesis.openapi.format("cursor", st.text("0123456789abcdef", min_size=1))


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path == "/v1/service" and isinstance(case.body, dict) and case.body.get("Name") == "eliza":
        case.body["Name"] = "spare"


def excused(case, response):
    """Whether a request that the document allows was refused for what no document can say."""
    if PASSES_ON.match(case.path):
        return True
    try:
        error = response.json()["error"]
        field, message = error.get("details", {}).get("field"), error["message"]
    except (ValueError, KeyError, TypeError):
        return False
    if response.status_code == 402:
        return error["code"] == "insufficient_funds"
    return response.status_code == 400 and (
        field in ("cursor", "voucher")
        # Some phases make addresses by their pattern alone.
        or "the zero address" in message or "its checksum" in message
        # The type that the meter has to go with is not in the body of a change.
        or (field == "meter" and case.method == "PUT"))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # Services that were made up here have no server.
    if isinstance(failure, ServerError) and response.status_code == 502 and PASSES_ON.match(case.path):
        return False
    return not (isinstance(failure, RejectedPositiveData) and excused(case, response))
