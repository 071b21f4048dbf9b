import asyncio
import threading

import pytest

from conversations.threads import in_thread, unbroken
from tests.waiting import GENEROUS


@pytest.fixture
def deed():
    """A write that takes until `gate` is set."""

    class Deed:
        def __init__(self):
            self.gate, self.begun, self.done = asyncio.Event(), asyncio.Event(), False

        async def do(self, error=None):
            self.begun.set()
            await self.gate.wait()
            self.done = True
            if error:
                raise error
            return "committed"

    return Deed()


async def test_a_write_is_finished_and_the_cancellation_comes_after_it(deed):
    seen = []

    async def job():
        seen.append(await unbroken(deed.do()))
        await asyncio.Event().wait()

    task = asyncio.create_task(job())
    await deed.begun.wait()
    task.cancel()
    deed.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (deed.done, seen) == (True, ["committed"])


async def test_an_error_of_the_write_is_told_even_so(deed):
    task = asyncio.create_task(unbroken(deed.do(ValueError("no"))))
    await deed.begun.wait()
    task.cancel()
    deed.gate.set()
    with pytest.raises(ValueError, match="no"):
        await task


async def test_nothing_changes_for_who_is_not_cancelled(deed):
    deed.gate.set()
    assert await unbroken(deed.do()) == "committed"
    await asyncio.sleep(0)


async def test_what_waits_in_one_thread_holds_up_no_other():
    """Channels and asgiref would do the work of all sockets in one."""
    both = threading.Barrier(2, timeout=GENEROUS)
    await asyncio.gather(in_thread(both.wait), in_thread(both.wait))
