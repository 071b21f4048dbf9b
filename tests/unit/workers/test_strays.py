import asyncio

import pytest

from workers import strays


async def give_up(gate: asyncio.Event) -> str:
    """What comes of it once it may go on, cancelled or not."""
    try:
        await gate.wait()
    except asyncio.CancelledError:
        return "gave up"
    return "done"


@pytest.fixture
def gate() -> asyncio.Event:
    return asyncio.Event()


async def begun(gate: asyncio.Event) -> asyncio.Task[str]:
    """Somebody who waits for work that waits for the gate."""
    waiting = asyncio.create_task(strays.attended(give_up(gate), tool="tool"))
    for _ in range(3):
        await asyncio.sleep(0)
    return waiting


async def test_what_ends_in_the_grace_still_tells_its_result(gate):
    waiting = await begun(gate)
    waiting.cancel()
    assert await waiting == "gave up"


async def test_a_cancel_that_comes_when_the_work_has_just_ended_is_not_lost(gate):
    waiting = await begun(gate)
    gate.set()
    await asyncio.sleep(0)  # the work ends, nobody has heard of it
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_work_that_exits_ends_no_loop():
    async def leave() -> None:
        raise SystemExit("bye")

    with pytest.raises(SystemExit, match="bye"):
        await strays.attended(leave(), tool="tool")
