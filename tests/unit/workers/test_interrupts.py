import asyncio
import threading

import pytest

from tests.waiting import GENEROUS
from workers import interrupts
from workers.interrupts import Interrupt, Reason


async def job(interrupt: Interrupt, running: asyncio.Event, limit: float | None = None) -> str:
    """Runs until interrupted; answers why."""
    try:
        with interrupt.armed(limit):
            running.set()
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        return str(interrupt.reason)
    return "not interrupted"


async def started(interrupt: Interrupt) -> asyncio.Task:
    running = asyncio.Event()
    task = asyncio.create_task(job(interrupt, running))
    await running.wait()
    return task


async def test_firing_cancels_the_job_which_knows_why():
    interrupt = Interrupt()
    task = await started(interrupt)
    interrupt.fire(Reason.STOPPED)
    assert await task == "stopped"


async def test_it_may_be_fired_from_any_thread():
    interrupt = Interrupt()
    task = await started(interrupt)
    thread = threading.Thread(target=interrupt.fire, args=[Reason.ABANDONED])
    thread.start()
    assert await asyncio.wait_for(task, GENEROUS) == "abandoned"
    thread.join()


async def test_the_first_reason_wins_and_the_last_writes_are_not_cut_short():
    interrupt = Interrupt()

    async def with_last_writes() -> str:
        with interrupt.armed():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                interrupt.fire(Reason.DRAINING)
                await asyncio.sleep(0)
                return str(interrupt.reason)

    task = asyncio.create_task(with_last_writes())
    await asyncio.sleep(0)
    interrupt.fire(Reason.STOPPED)
    assert await task == "stopped"


async def test_a_job_fired_before_it_starts_does_not_start():
    interrupt = Interrupt()
    interrupt.fire(Reason.STOPPED)
    running = asyncio.Event()
    assert await job(interrupt, running) == "stopped"
    assert not running.is_set()


async def test_too_long_is_a_reason_of_its_own():
    assert await job(Interrupt(), asyncio.Event(), limit=0.01) == "timed_out"


@pytest.mark.parametrize("limit", [None, -1])
async def test_a_job_without_a_limit_is_not_interrupted(limit):
    interrupt = Interrupt()
    with interrupt.armed(limit):
        await asyncio.sleep(0)
    assert interrupt.reason is None


async def test_firing_after_the_end_touches_nothing_else():
    interrupt = Interrupt()
    with interrupt.armed():
        await asyncio.sleep(0)
    interrupt.fire(Reason.STOPPED)
    await asyncio.sleep(0)
    assert not asyncio.current_task().cancelling()


async def test_what_the_task_does_after_an_interrupt_is_not_cancelled():
    interrupt = Interrupt()
    task = asyncio.current_task()
    asyncio.get_running_loop().call_soon(interrupt.fire, Reason.STOPPED)
    with pytest.raises(asyncio.CancelledError), interrupt.armed():
        await asyncio.Event().wait()
    assert not task.cancelling()


async def test_a_job_finds_its_own_interrupt():
    mine = Interrupt()
    assert interrupts.current() is None
    with mine.armed():
        assert interrupts.current() is mine
        assert await asyncio.create_task(asyncio.sleep(0, interrupts.current())) is mine
    assert interrupts.current() is None
