"""How orders become closed gates, and a drain that lasts a hand-back."""

import asyncio

import pytest

from tests.waiting import GENEROUS
from workers.orders import Orders
from workers.running.gates import Gate
from workers.running.obedience import DRAINED, PAUSED, Obedience


class Handed:
    """Hears when what runs is to be handed back."""

    def __init__(self) -> None:
        self.back = asyncio.Event()

    def __call__(self) -> None:
        self.back.set()


@pytest.fixture
async def worker(settings):
    """A gate, who obeys, and what was handed back."""
    settings.WORKER_GRACE = 0.05
    gate, handed = Gate(), Handed()
    return gate, Obedience(gate, asyncio.get_running_loop(), hand_back=handed), handed


async def turned() -> None:
    """After all that the loop was told before."""
    await asyncio.sleep(0)


async def test_each_order_closes_the_gate_for_its_own_reason(worker):
    gate, told, _ = worker
    told.obey(Orders(drained=True, paused=True))
    assert gate.reasons == {DRAINED, PAUSED}
    told.obey(Orders(paused=True))
    assert gate.reasons == {PAUSED}
    told.obey(Orders())
    assert gate.is_open


async def test_what_outlasts_the_grace_of_a_drain_is_handed_back(worker):
    _, told, handed = worker
    told.obey(Orders(drained=True))
    told.obey(Orders(drained=True))
    await asyncio.wait_for(handed.back.wait(), GENEROUS)


async def test_who_is_resumed_in_time_hands_nothing_back(worker, settings):
    settings.WORKER_GRACE = GENEROUS
    _, told, _ = worker
    told.obey(Orders(drained=True))
    await turned()
    alarm = told._alarm
    told.obey(Orders())
    await turned()
    assert alarm.cancelled()
    assert told._alarm is None


async def test_a_pause_hands_nothing_back(worker):
    _, told, _ = worker
    told.obey(Orders(paused=True))
    await turned()
    assert told._alarm is None
