"""OpenAI's Agents SDK, told to use chat completions."""

import asyncio

import openai
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from pydantic import BaseModel

from told import BASE, CHAT, DEAR, TOOLS, refused, told

set_tracing_disabled(True)  # else it sends what it does to OpenAI
client = openai.AsyncOpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=30)


class City(BaseModel):
    city: str
    degrees: int


def agent(name, **settings):
    return Agent(name="Tester", model=OpenAIChatCompletionsModel(model=name, openai_client=client), **settings)


async def main():
    with told("chat") as so:
        run = await Runner.run(agent(CHAT), "Say this is a test!")
        so(run.final_output == "This is a test!", run.final_output)
    with told("stream") as so:
        run, text = Runner.run_streamed(agent(CHAT), "Say this is a test!"), ""
        async for event in run.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                text += event.data.delta
        so(text == "This is a test!", text)
    with told("tools") as so:
        asked = []

        @function_tool
        def weather(city: str) -> str:
            """The weather of a city."""
            asked.append(city)
            return "21 degrees"
        run = await Runner.run(agent(TOOLS, tools=[weather]), "What is the weather?")
        so(asked == ["Lisbon"] and "21 degrees" in run.final_output, run.final_output)
    with told("schema") as so:
        run = await Runner.run(agent(TOOLS, output_type=City), "Where?")
        so(run.final_output == City(city="Lisbon", degrees=21), run.final_output)
    with refused("402", openai.APIStatusError, "neuron", status=402):
        await Runner.run(agent(DEAR), "Say this is a test!")
    with refused("responses API not offered", openai.NotFoundError, status=404):
        await Runner.run(Agent(name="Tester", model=OpenAIResponsesModel(model=CHAT, openai_client=client)), "Say so.")


asyncio.run(main())
