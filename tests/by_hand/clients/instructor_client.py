"""Instructor: answers as objects, by tools and by JSON."""

import instructor
import openai
from pydantic import BaseModel

from told import ASK, BASE, CHAT, TOOLS, told


class City(BaseModel):
    city: str
    degrees: int


LISBON = {"city": "Lisbon", "degrees": 21}


def client(mode):
    return instructor.from_openai(openai.OpenAI(base_url=BASE, api_key="unused", max_retries=0, timeout=30), mode=mode)


with told("chat") as so:
    answer = client(instructor.Mode.TOOLS).chat.completions.create(model=CHAT, messages=ASK, response_model=None)
    so(answer.choices[0].message.content == "This is a test!", "response_model=None")
with told("tools") as so:
    city, answer = client(instructor.Mode.TOOLS).chat.completions.create_with_completion(
        model=TOOLS, messages=ASK, response_model=City)
    so(city.model_dump() == LISBON, city)
with told("schema") as so:
    for mode in (instructor.Mode.JSON, instructor.Mode.JSON_SCHEMA):
        city = client(mode).chat.completions.create(model=TOOLS, messages=ASK, response_model=City)
        so(city.model_dump() == LISBON, mode.name)
with told("stream") as so:
    cities = list(client(instructor.Mode.TOOLS).chat.completions.create_partial(
        model=TOOLS, messages=ASK, response_model=City))
    so(cities[-1].city == "Lisbon", f"{len(cities)} partial objects")
