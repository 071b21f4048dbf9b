"""Agents whose replies cost the same each time."""

import asyncio
import os
import time

from pydantic_ai import Agent
from pydantic_ai.models.function import FunctionModel

MANY = int(os.environ.get("DELTAS", "20000"))


async def at_once(_messages, _info):
    """20 deltas, 800 characters."""
    for _ in range(20):
        yield "x" * 40


async def at_100_a_second(_messages, _info):
    """200 deltas in two seconds, each when it is due."""
    begun = time.monotonic()
    for n in range(200):
        await asyncio.sleep(begun + n / 100 - time.monotonic())
        yield f"word{n} "


def words(deltas):
    """A reply of so many deltas; the loop has a moment after each few, as with a provider."""

    async def say(_messages, _info):
        for n in range(deltas):
            yield f"word{n} "
            if n % 10 == 0:
                await asyncio.sleep(0)

    return Agent(FunctionModel(stream_function=say))


async def twice_as_much(_messages, _info):
    """20 deltas, 1,600 characters."""
    for _ in range(20):
        yield "x" * 80


agent = Agent(FunctionModel(stream_function=at_once))
long = Agent(FunctionModel(stream_function=twice_as_much))
steady = Agent(FunctionModel(stream_function=at_100_a_second))
many = words(MANY)
