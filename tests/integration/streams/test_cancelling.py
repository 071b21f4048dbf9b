"""Who is cancelled in the middle of a command is cancelled."""

import asyncio

import pytest

from tests.waiting import GENEROUS
from workers.redis import connections

STEPS = 25  # of the event loop; a command takes fewer


@pytest.mark.parametrize("kind", ["redis_client", "cluster"])
@pytest.mark.parametrize("steps", range(STEPS))
async def test_no_moment_of_a_command_swallows_a_cancel(request, kind, steps):
    request.getfixturevalue(kind)
    client = connections.shared()
    await client.ping()

    async def command_and_more():
        await client.set("key", "value")
        await asyncio.Event().wait()

    task = asyncio.create_task(command_and_more())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    ended, _ = await asyncio.wait([task], timeout=GENEROUS)
    assert ended
