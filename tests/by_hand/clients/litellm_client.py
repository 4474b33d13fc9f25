"""LiteLLM as a client."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks GitHub for prices when it is imported

import json

import litellm

from told import ASK, BASE, CHAT, DEAR, DOT, LOCKED, NONE, TOOLS, WEATHER, cost, refused, told

litellm.telemetry = False
litellm.suppress_debug_info = True


def ask(model, messages=ASK, base=BASE, **settings):
    return litellm.completion(model=f"openai/{model}", api_base=base, api_key="unused", messages=messages, num_retries=0,
                              max_retries=0, timeout=30, **settings)


tools = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}]
with told("models") as so:
    models = litellm.get_valid_models(check_provider_endpoint=True, custom_llm_provider="openai", api_base=BASE, api_key="unused")
    so(any(CHAT in model for model in models), models)
with told("chat") as so:
    answer = ask(CHAT)
    so(answer.choices[0].message.content == "This is a test!", answer.choices[0].message.content)
with told("stream") as so:
    text = "".join(chunk.choices[0].delta.content or "" for chunk in ask(CHAT, stream=True))
    so(text == "This is a test!", text)
with told("usage") as so:
    chunks = list(ask(CHAT, stream=True, stream_options={"include_usage": True}))
    so(chunks[-1].usage.completion_tokens > 0, chunks[-1].usage.total_tokens)
with told("tools") as so:
    call = ask(TOOLS, tools=tools).choices[0].message.tool_calls[0]
    so(json.loads(call.function.arguments) == {"city": "Lisbon"}, call.function.arguments)
    chunks = list(ask(TOOLS, tools=tools, stream=True))
    call = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls[0]
    so(json.loads(call.function.arguments) == {"city": "Lisbon"}, "streamed too")
with told("schema") as so:
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER, "strict": True}}
    so(json.loads(ask(TOOLS, response_format=form).choices[0].message.content) == {"city": "Lisbon"})
with told("image") as so:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": DOT}}]
    so("inline image" in ask(TOOLS, [{"role": "user", "content": parts}]).choices[0].message.content)
with told("embeddings") as so:
    found = litellm.embedding(model=f"openai/{TOOLS}", api_base=BASE, api_key="unused", input=["one"], encoding_format="float")
    so(found.data[0]["embedding"] == [0.25, 0.5, 0.25])
with refused("400", litellm.BadRequestError, "temperature"):
    ask(TOOLS, temperature=7)
with refused("401", litellm.AuthenticationError, "token"):
    ask(CHAT, base=LOCKED)
with refused("402", litellm.APIError, "neuron", status=402):
    ask(DEAR)
with refused("404", litellm.NotFoundError, NONE):
    ask(NONE)
with refused("429", litellm.RateLimitError):
    ask(TOOLS, [{"role": "user", "content": "too many"}])
with told("cost") as so:
    headers = ask(CHAT)._hidden_params["additional_headers"]
    fee, request = headers["llm_provider-zg-fee"], headers["llm_provider-zg-request-id"]
    so(cost(request) == int(fee), f"_hidden_params: zg-fee {fee}")
