"""Who is cancelled at the very moment in which it is granted a place."""

import asyncio

import pytest

from tests.integration.ratelimit.test_admissions import admitted, process, settled

pytestmark = pytest.mark.usefixtures("clients")


def cancelling(budget, way, cancel) -> None:
    """Has `cancel` called when a place was granted: in the book, or to who waits for it too."""
    if way == "in the book":
        ask = budget._books.ask

        async def asked(exchange):
            answer = await ask(exchange)
            if answer.granted:
                cancel()
                await asyncio.sleep(0)  # and who waited is gone
            return answer

        budget._books.ask = asked
    else:
        grant = budget._grant

        def granted(*told):
            grant(*told)
            cancel()

        budget._grant = granted


@pytest.mark.parametrize("way", ["in the book", "to who waits"])
async def test_a_place_for_who_is_cancelled_at_this_moment_is_given_back(way):
    budget = process(requests_per_minute=1, burst=60)
    waiting = asyncio.create_task(admitted(budget))
    cancelling(budget, way, waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await settled(budget)
    await admitted(budget)
