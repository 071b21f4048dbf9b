"""An agent whose tool tells how far it is, and goes on as soon as there is a file."""

import asyncio
import os
from pathlib import Path

from pydantic_ai import Agent

from workers.agents import model
from workers.agents.progress import progress

agent = Agent(model.from_settings(), name="reader")


@agent.tool_plain
async def read() -> str:
    await progress(0.4, "reading page 4 of 10")
    while not is_open():  # noqa: ASYNC110 - another process opens it
        await asyncio.sleep(0.05)
    return "read"


def is_open() -> bool:
    return Path(os.environ["READER_GATE"]).exists()
