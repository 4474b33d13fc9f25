"""The official OpenAI client for Python."""

import json
import time

import openai

from told import ASK, BASE, CHAT, DEAR, DOT, LOCKED, NONE, TOKEN, TOOLS, WEATHER, cost, line, raise_price, refused, told

client = openai.OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=30)
chat = client.chat.completions
tools = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}]

with told("models") as so:
    models = [model.id for model in client.models.list()]
    so(any(CHAT in model for model in models), models)
with told("chat") as so:
    answer = chat.create(model=CHAT, messages=ASK)
    so(answer.choices[0].message.content == "This is a test!" and answer.choices[0].finish_reason == "stop",
       answer.choices[0].message.content)
    so(answer.usage.total_tokens > 0)
with told("stream") as so:
    began, chunks, times = time.time(), [], []
    for chunk in chat.create(model=CHAT, messages=ASK, stream=True):
        chunks.append(chunk)
        times.append(time.time() - began)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    so(text == "This is a test!" and chunks[-1].choices[0].finish_reason == "stop", text)
    # The demo's chatbot pauses between its words, so that what is held back somewhere would come at once.
    so(times[-1] - times[0] > 0.02, f"{len(chunks)} pieces in {times[-1] - times[0]:.2f} s, the first after {times[0]:.2f} s")
with told("usage") as so:
    chunks = list(chat.create(model=CHAT, messages=ASK, stream=True, stream_options={"include_usage": True}))
    so(chunks[-1].usage.completion_tokens > 0, chunks[-1].usage.model_dump(exclude_none=True))
with told("tools") as so:
    call = chat.create(model=TOOLS, messages=ASK, tools=tools).choices[0].message.tool_calls[0]
    so(json.loads(call.function.arguments) == {"city": "Lisbon"}, f"{call.function.name}{call.function.arguments}")
    with chat.stream(model=TOOLS, messages=ASK, tools=tools) as stream:
        call = stream.get_final_completion().choices[0].message.tool_calls[0]
    so(json.loads(call.function.arguments) == {"city": "Lisbon"}, "streamed too")
    function = {"name": "weather", "arguments": call.function.arguments}
    called = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": function}]}
    said = [*ASK, called, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    so("21 degrees" in chat.create(model=TOOLS, messages=said, tools=tools).choices[0].message.content, "its result too")
with told("schema") as so:
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER, "strict": True}}
    answer = chat.create(model=TOOLS, messages=ASK, response_format=form).choices[0].message.content
    so(json.loads(answer) == {"city": "Lisbon"}, answer)
    json.loads(chat.create(model=TOOLS, messages=ASK, response_format={"type": "json_object"}).choices[0].message.content)
with told("image") as so:
    def look(url):
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
        return chat.create(model=TOOLS, messages=[{"role": "user", "content": parts}]).choices[0].message.content
    so("inline image" in look(DOT), look(DOT))
with told("image by URL") as so:
    so("1 image by its address" in look("https://example.org/a.png"), "passed on; the server has to fetch it")
with told("embeddings") as so:
    so(client.embeddings.create(model=TOOLS, input=["one", "two"]).data[1].embedding == [0.25, 0.5, 0.25])
with told("completions") as so:
    text = client.completions.create(model=TOOLS, prompt="It is").choices[0].text
    so(text == " 21 degrees.", text)
with refused("embeddings not offered", openai.NotFoundError, "eliza answers", status=404):
    client.embeddings.create(model=CHAT, input="x")
with refused("completions not offered", openai.NotFoundError, "eliza answers", status=404):
    client.completions.create(model=CHAT, prompt="x")
with refused("400", openai.BadRequestError, "temperature", status=400):
    chat.create(model=TOOLS, messages=ASK, temperature=7)
with refused("400 of the broker", openai.BadRequestError, "model", status=400):
    chat.create(model="", messages=ASK)
with refused("401", openai.AuthenticationError, "token", status=401):
    openai.OpenAI(base_url=LOCKED, api_key="wrong", max_retries=0).models.list()
with told("401 answered") as so:
    so(openai.OpenAI(base_url=LOCKED, api_key=TOKEN, max_retries=0).models.list().data)
with refused("402", openai.APIStatusError, "neuron", status=402):
    chat.create(model=DEAR, messages=ASK)
with refused("404", openai.NotFoundError, NONE, status=404):
    chat.create(model=NONE, messages=ASK)
with refused("429", openai.RateLimitError, status=429):
    chat.create(model=TOOLS, messages=[{"role": "user", "content": "too many"}])
with told("error fields") as so:
    try:
        chat.create(model=NONE, messages=ASK)
    except openai.NotFoundError as error:
        so(error.code == "unknown_model", f"code {error.code}, type {error.type}, param {error.param}")
with told("cost") as so:
    raw = chat.with_raw_response.create(model=CHAT, messages=ASK)
    fee, request = int(raw.headers["zg-fee"]), raw.headers["zg-request-id"]
    so(raw.parse().choices[0].message.content == "This is a test!", f"zg-fee {fee}")
    so(cost(request) == fee)
    so(not raw.parse().model_extra, "nothing of ours in the body")
    raw = chat.with_raw_response.create(model=CHAT, messages=ASK, stream=True)
    list(raw.parse())
    so(cost(raw.headers["zg-request-id"]) > 0, "a stream by GET /v1/request/{zg-request-id}")
with told("one service") as so:
    provider = client.models.list().data[0].owned_by
    one = openai.OpenAI(base_url=f"{BASE}/provider/{provider}/service/{CHAT}", api_key="unused", max_retries=0)
    so([model.id for model in one.models.list()] == [CHAT], "its own models")
    so(one.chat.completions.create(model="any", messages=ASK).choices[0].message.content == "This is a test!")
# A raised price is told once, by a 409; a client that repeats a 409 by itself never tells it.
for feature, retries, price in (("409", 0, 150), ("409 with the client's own repeats", 2, 200)):
    raise_price("tools", price)
    asking = client.with_options(max_retries=retries).chat.completions
    try:
        asking.create(model=TOOLS, messages=ASK)
        line(feature, "known", "the raised price was accepted unseen, by the client's second attempt")
    except openai.ConflictError as error:
        line(feature, "yes", error)
        chat.create(model=TOOLS, messages=ASK)
try:
    line("one model", "yes", client.models.retrieve(CHAT).id)
except openai.NotFoundError as error:
    line("one model", "known", error)
