"""A model server for tests that answers what the demo's chatbot does not: tools, schemas, images, embeddings, plain completions.

    python3 tests/by_hand/clients/stub.py [PORT]

It is no model. A call or an object that a schema describes is filled in by the schema: every text is "Lisbon", every
number 21, every truth true, every choice the first. An inline image is answered with its size. A message that holds
"too many" is answered with 429, as a busy server would.
"""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "stub-1"


def filled(schema, root=None):
    """A value that a JSON Schema allows, as far as the schemas of tools go."""
    root = root or schema
    if "$ref" in schema:
        found = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return filled(found, root)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return filled(schema[choice][0], root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: filled(part, root) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema.get("items", {}), root)]
    return {"string": "Lisbon", "integer": 21, "number": 21, "boolean": True}.get(kind)


def parts(messages):
    for message in messages:
        content = message.get("content")
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def answer(body):
    """The message that a chat is answered with, and why it ends."""
    messages = body["messages"]
    images = [part["image_url"]["url"] for part in parts(messages) if part.get("type") == "image_url"]
    if images:
        sizes = [len(base64.b64decode(image.split(",", 1)[1])) for image in images if image.startswith("data:")]
        remote = len(images) - len(sizes)
        told = f"{len(sizes)} inline image of {sum(sizes)} bytes" if sizes else f"{remote} image by its address"
        return {"content": f"I was given {told}."}, "stop"
    tools = [tool["function"] for tool in body.get("tools", [])]
    choice = body.get("tool_choice", "auto")
    if tools and choice != "none" and messages[-1]["role"] != "tool":
        named = choice["function"]["name"] if isinstance(choice, dict) else tools[0]["name"]
        tool = next(tool for tool in tools if tool["name"] == named)
        arguments = json.dumps(filled(tool.get("parameters", {"type": "object"})))
        call = {"id": "call_1", "type": "function", "function": {"name": named, "arguments": arguments}}
        return {"content": None, "tool_calls": [call]}, "tool_calls"
    form = body.get("response_format", {})
    if form.get("type") == "json_schema":
        return {"content": json.dumps(filled(form["json_schema"]["schema"]))}, "stop"
    if form.get("type") == "json_object":
        return {"content": '{"city": "Lisbon", "degrees": 21}'}, "stop"
    if messages[-1]["role"] == "tool":
        return {"content": f"The tool says: {messages[-1]['content']}"}, "stop"
    return {"content": "It is 21 degrees in Lisbon."}, "stop"


def pieces(message):
    """A message as the deltas of a stream: text word by word, a call's arguments in two halves."""
    yield {"role": "assistant", "content": "" if message["content"] else None}
    for word in (message["content"] or "").split(" "):
        if word:
            yield {"content": word + " "}
    for index, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        yield {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": arguments[:half]}}]}
        yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]}


class Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, value, content_type="application/json", **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message, param=None, code=None, **headers):
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
        self.say(status, {"error": {"message": message, "type": kind, "param": param, "code": code}}, **headers)

    def do_GET(self):
        if self.path.endswith("/models"):
            self.say(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "stub"}]})
        else:
            self.refuse(404, f"there is no {self.path} here")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path.endswith("/chat/completions"):
            self.chat(body)
        elif self.path.endswith("/completions"):
            choice = {"index": 0, "text": " 21 degrees.", "finish_reason": "stop", "logprobs": None}
            self.say(200, {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": MODEL, "choices": [choice],
                           "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}})
        elif self.path.endswith("/embeddings"):
            given = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [{"object": "embedding", "index": index, "embedding": [0.25, 0.5, 0.25]} for index in range(len(given))]
            if body.get("encoding_format") == "base64":
                import struct
                for one in data:
                    one["embedding"] = base64.b64encode(struct.pack("<3f", 0.25, 0.5, 0.25)).decode()
            self.say(200, {"object": "list", "data": data, "model": MODEL, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        else:
            self.refuse(404, f"there is no {self.path} here")

    def chat(self, body):
        if not isinstance(body.get("temperature", 1), (int, float)) or not 0 <= body.get("temperature", 1) <= 2:
            return self.refuse(400, "temperature: it must be from 0 to 2", "temperature", "invalid_value")
        if any("too many" in part.get("text", "") for part in parts(body["messages"])):
            return self.refuse(429, "too many requests at once", code="rate_limit_exceeded", Retry_After="7")
        message, reason = answer(body)
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        head = {"id": "chatcmpl-1", "created": 1, "model": MODEL, "system_fingerprint": "stub"}
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason, "logprobs": None}
            return self.say(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})
        head["object"] = "chat.completion.chunk"
        chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in pieces(message)]
        chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            chunks.append({**head, "choices": [], "usage": usage})
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self.say(200, events.encode(), "text/event-stream")


def server(port=0):
    return ThreadingHTTPServer(("127.0.0.1", port), Stub)


if __name__ == "__main__":
    one = server(int(sys.argv[1]) if len(sys.argv) > 1 else 18100)
    print(f"http://127.0.0.1:{one.server_port}", flush=True)
    one.serve_forever()
