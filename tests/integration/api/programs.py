"""Connections of programs to the websocket `/v1/responses`; every frame is validated."""

import asyncio
import json
from contextlib import suppress

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai.types.responses import ResponseSteerAcceptedEvent, ResponseSteerFailedEvent
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests import specified
from tests.waiting import GENEROUS

ENDS = {"response.completed", "response.incomplete", "response.failed"}
STEERED = {
    "response.steer.accepted": ResponseSteerAcceptedEvent,
    "response.steer.failed": ResponseSteerFailedEvent,
}


class Program:
    """A connection whose every frame is validated."""

    def __init__(self, socket):
        self.socket = socket
        self.frames = []

    async def send(self, **frame):
        await self.send_text(json.dumps(frame))

    async def send_text(self, text):
        await self.socket.send(text)

    async def create(self, text="[[stream]]", **fields):
        await self.send(type="response.create", input=text, **fields)

    async def next(self):
        async with asyncio.timeout(GENEROUS):
            frame = json.loads(await self.socket.recv())
        validate(frame)
        self.frames.append(frame)
        return frame

    async def until(self, *types):
        while (frame := await self.next())["type"] not in types:
            pass
        return frame

    async def answer(self, text="[[stream]]", **fields):
        await self.create(text, **fields)
        return (await self.until(*ENDS))["response"]

    async def error(self):
        frame = await self.until("error")
        return frame["status"], frame["error"]["code"], frame["error"]["param"]

    async def closed(self):
        with suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.socket.close_code


def validate(frame):
    """By the specification; by the SDK's own types where it has none."""
    if frame["type"] == "error":
        specified.refusal(frame)
    elif frame["type"] in STEERED:
        STEERED[frame["type"]].model_validate(frame, strict=True)
    else:
        specified.event(frame)


@pytest.fixture
def address(replica):
    return replica.replace("http", "ws") + "/v1/responses"


@pytest_asyncio.fixture
async def connection(address, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(address, additional_headers=headers, compression=None) as opened:
        yield Program(opened)


@pytest_asyncio.fixture
async def sdk(replica, key):
    async with AsyncOpenAI(api_key=key, base_url=f"{replica}/v1", max_retries=0) as client:
        yield client
