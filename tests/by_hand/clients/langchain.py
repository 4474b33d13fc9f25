"""LangChain's OpenAI class."""

import openai
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from told import BASE, CHAT, DEAR, DOT, NONE, TOOLS, cost, refused, told


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


class City(BaseModel):
    city: str
    degrees: int


def model(name, **settings):
    return ChatOpenAI(base_url=BASE, api_key="unused", model=name, max_retries=0, timeout=30, **settings)


ask = "Say this is a test!"
with told("chat") as so:
    answer = model(CHAT).invoke(ask)
    so(answer.content == "This is a test!", answer.content)
    so(answer.usage_metadata["output_tokens"] > 0, answer.usage_metadata)
with told("stream") as so:
    text = "".join(chunk.content for chunk in model(CHAT).stream(ask))
    so(text == "This is a test!", text)
with told("usage") as so:
    whole = None
    for chunk in model(CHAT, stream_usage=True).stream(ask):
        whole = chunk if whole is None else whole + chunk
    so(whole.usage_metadata["output_tokens"] > 0, whole.usage_metadata)
with told("tools") as so:
    bound = model(TOOLS).bind_tools([weather])
    call = bound.invoke(ask)
    so(call.tool_calls[0]["args"] == {"city": "Lisbon"}, call.tool_calls[0])
    said = weather.invoke(call.tool_calls[0])
    so("21 degrees" in bound.invoke([HumanMessage(ask), call, said]).content)
with told("schema") as so:
    so(model(TOOLS).with_structured_output(City).invoke(ask) == City(city="Lisbon", degrees=21), "json_schema")
    by_call = model(TOOLS).with_structured_output(City, method="function_calling").invoke(ask)
    so(by_call == City(city="Lisbon", degrees=21), "function_calling")
with told("image") as so:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": DOT}}]
    so("inline image" in model(TOOLS).invoke([HumanMessage(parts)]).content)
with told("embeddings") as so:
    embeddings = OpenAIEmbeddings(base_url=BASE, api_key="unused", model=TOOLS, check_embedding_ctx_length=False)
    so(embeddings.embed_query("one") == [0.25, 0.5, 0.25], "check_embedding_ctx_length=False")
with refused("402", openai.APIStatusError, "neuron"):
    model(DEAR).invoke(ask)
with refused("404", openai.NotFoundError, NONE):
    model(NONE).invoke(ask)
with told("cost") as so:
    answer = model(CHAT, include_response_headers=True).invoke(ask)
    headers = answer.response_metadata["headers"]
    so(cost(headers["zg-request-id"]) == int(headers["zg-fee"]), f"include_response_headers: zg-fee {headers['zg-fee']}")
