import asyncio
import threading

import pytest

from tests.waiting import GENEROUS
from workers.health.sharing import Shared


class Slow:
    """Answers when it may; counts how often it is called."""

    def __init__(self):
        self.calls, self.may_answer = 0, threading.Event()

    def __call__(self):
        self.calls += 1
        assert self.may_answer.wait(GENEROUS)
        return self.calls


async def test_a_flood_of_questions_is_one_call():
    shared = Shared(slow := Slow(), fresh=GENEROUS)
    flood = [asyncio.ensure_future(shared.answer()) for _ in range(1000)]
    await asyncio.sleep(0)
    slow.may_answer.set()
    assert set(await asyncio.gather(*flood)) == {1}
    assert await shared.answer() == 1  # which is still fresh


async def test_an_answer_that_is_old_is_not_given_again():
    shared = Shared(slow := Slow(), fresh=0)
    slow.may_answer.set()
    assert [await shared.answer(), await shared.answer()] == [1, 2]


async def test_who_hangs_up_takes_nothing_from_the_others():
    shared = Shared(slow := Slow(), fresh=GENEROUS)
    gone, waits = (asyncio.ensure_future(shared.answer()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    slow.may_answer.set()
    assert await waits == 1
