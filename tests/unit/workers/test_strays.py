import asyncio
import gc
from contextlib import suppress

import pytest

from tests.waiting import GENEROUS
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


async def linger() -> None:
    """Swallows a cancel; nobody but the task itself knows what it waits for."""
    with suppress(asyncio.CancelledError):
        await asyncio.Future()
    await asyncio.Future()


async def test_what_is_left_behind_goes_on(monkeypatch):
    monkeypatch.setattr(strays, "GRACE", 0.01)
    waiting = [asyncio.create_task(strays.attended(linger(), tool="lingers"))]
    for _ in range(3):
        await asyncio.sleep(0)
    waiting[0].cancel()
    async with asyncio.timeout(GENEROUS):
        await asyncio.wait(waiting)
    waiting.clear()
    gc.collect()
    [left] = [task for task in asyncio.all_tasks() if task.get_name() == "lingers"]
    left.cancel()
    await asyncio.wait([left])


async def test_nobody_waits_for_those_that_do_not_end():
    left = asyncio.create_task(linger())
    await asyncio.sleep(0)
    async with asyncio.timeout(GENEROUS):
        await strays.dismiss(within=0.01)
    assert not left.done()
    left.cancel()
    await asyncio.wait([left])


async def test_work_that_exits_ends_no_loop():
    async def leave() -> None:
        raise SystemExit("bye")

    with pytest.raises(SystemExit, match="bye"):
        await strays.attended(leave(), tool="tool")
