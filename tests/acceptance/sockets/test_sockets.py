"""What only a real server and a real connection show."""

import asyncio
import json
import signal
from contextlib import suppress
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.sockets.driven import claimed
from tests.waiting import GENEROUS
from workers.redis import connections

CREATE = {"type": "response.create", "idempotency_key": uuid4().hex, "input": "hello"}


async def read_to_the_end(socket):
    async for _ in socket:
        pass


async def close_code(socket):
    """Wherever the client is in reading, it reads on to the end."""
    async with asyncio.timeout(GENEROUS):
        with suppress(ConnectionClosed):
            await read_to_the_end(socket)
    return socket.close_code


async def subscribed(socket):
    await socket.send('{"type": "subscribe", "cursor": null}')
    assert json.loads(await socket.recv())["type"] == "agentsite:snapshot"


async def accepted(socket):
    await socket.send(json.dumps(CREATE))
    assert json.loads(await socket.recv())["type"] == "agentsite:accepted"


async def logged(path, event):
    async with asyncio.timeout(GENEROUS):
        while event not in path.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


async def test_a_replica_that_is_told_to_stop_sends_its_tabs_elsewhere(replica):
    async with replica.connect() as socket:
        await subscribed(socket)
        replica.process.send_signal(signal.SIGTERM)
        assert await close_code(socket) == 1012
    assert replica.process.wait(GENEROUS) == -signal.SIGTERM


async def test_a_frame_above_the_limit_closes_with_1009(replica):
    async with replica.connect() as socket:
        await subscribed(socket)
        await socket.send("x" * 70_000)
        assert await close_code(socket) == 1009


@pytest.mark.slow
async def test_a_client_that_stalls_costs_no_memory_and_is_closed(replica, worker_row):
    async with replica.connect() as socket:
        await subscribed(socket)
        await accepted(socket)
        before = replica.memory
        async with claimed(replica.conversation, worker_row) as run:
            await run.say(*["x" * 10_000] * 6_000)
            await logged(replica.log, "socket.stalled")
            assert replica.memory - before < 20  # of 60 megabytes
            assert await close_code(socket) == 1006
    await connections.close()
