"""Pydantic AI over its chat-completions model."""

import asyncio

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from told import BASE, CHAT, DEAR, NONE, TOOLS, refused, told

provider = OpenAIProvider(base_url=BASE, api_key="unused")


class City(BaseModel):
    city: str
    degrees: int


def agent(name, **settings):
    return Agent(OpenAIChatModel(name, provider=provider), retries=0, **settings)


with told("chat") as so:
    run = agent(CHAT).run_sync("Say this is a test!")
    so(run.output == "This is a test!", run.output)
with told("stream") as so:
    async def stream():
        async with agent(CHAT).run_stream("Say this is a test!") as run:
            return [text async for text in run.stream_text(delta=True)]
    pieces = asyncio.run(stream())
    so("".join(pieces) == "This is a test!", f"{len(pieces)} pieces")
with told("usage") as so:
    run = agent(CHAT).run_sync("Say this is a test!")
    so(run.usage.output_tokens > 0, run.usage)
with told("tools") as so:
    asked = []
    one = agent(TOOLS)

    @one.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "21 degrees"
    run = one.run_sync("What is the weather?")
    so(asked == ["Lisbon"] and "21 degrees" in run.output, run.output)
with told("schema") as so:
    city = agent(TOOLS, output_type=City).run_sync("Where?").output
    so(city == City(city="Lisbon", degrees=21), city)
with refused("402", ModelHTTPError, "neuron", status=402):
    agent(DEAR).run_sync("Say this is a test!")
with refused("404", ModelHTTPError, NONE, status=404):
    agent(NONE).run_sync("Say this is a test!")
