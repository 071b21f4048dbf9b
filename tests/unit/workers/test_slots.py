import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import GENEROUS, eventually
from workers.running.slots import Slots

QUEUES = ["interactive", "default", "batch"]


class Waiting:
    """A thread for each job that waits for a slot; `served` says in what order they got one."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.served: list[str] = []
        self.threads: list[threading.Thread] = []

    def add(self, queue: str) -> None:
        before = self.slots._waiting[queue]
        self.threads.append(threading.Thread(target=self._wait, args=[queue], daemon=True))
        self.threads[-1].start()
        eventually(lambda: self.slots._waiting[queue] > before)

    def _wait(self, queue: str) -> None:
        if self.slots.wait(queue, GENEROUS):
            self.served.append(queue)

    def land(self, queue: str) -> str:
        """A job lands; who got its slot."""
        number = len(self.served)
        self.slots.release(queue)
        eventually(lambda: len(self.served) > number)
        return self.served[-1]


@pytest.fixture
def full() -> Waiting:
    """One slot, taken, and two jobs of each queue that wait for it."""
    waiting = Waiting(Slots(1, QUEUES))
    assert waiting.slots.take("default")
    for queue in reversed(QUEUES * 2):
        waiting.add(queue)
    return waiting


def landings(waiting: Waiting, number: int) -> list[str]:
    """Who gets the slot, again and again."""
    last, order = "default", []
    for _ in range(number):
        last = waiting.land(last)
        order.append(last)
    return order


def test_the_pools_order_decides_who_gets_a_shared_slot(full):
    assert landings(full, 6) == [queue for queue in QUEUES for _ in range(2)]


def test_a_queue_that_has_grown_old_gets_every_second_shared_slot(full):
    full.slots.grow_old("batch", old=True)
    assert landings(full, 6) == ["batch", "interactive", "batch", "interactive"] + ["default"] * 2


def test_queues_that_have_both_grown_old_take_turns(full):
    full.slots.grow_old("batch", old=True)
    full.slots.grow_old("default", old=True)
    assert set(landings(full, 3)) == set(QUEUES)


def test_slots_that_are_free_at_once_are_taken_at_once():
    """Who saw that it was not its turn sees it again when that one has its slot."""
    waiting = Waiting(Slots(6, QUEUES))
    assert all(waiting.slots.take("default") for _ in range(6))
    for queue in reversed(QUEUES * 2):
        waiting.add(queue)
    with waiting.slots._changed:
        for _ in range(6):
            waiting.slots.release("default")
    eventually(lambda: len(waiting.served) == 6, within=GENEROUS / 2)


def test_a_queue_that_is_no_longer_old_waits_as_before(full):
    full.slots.grow_old("batch", old=True)
    full.slots.grow_old("batch", old=False)
    assert landings(full, 1) == ["interactive"]


def test_a_reserved_slot_is_given_to_its_queue_only():
    slots = Slots(5, QUEUES, reserved={"interactive": 2})
    taken = Counter(queue for queue in ["batch"] * 9 + ["interactive"] * 9 if slots.take(queue))
    assert taken == {"batch": 3, "interactive": 2}


def test_jobs_beyond_the_reserved_slots_take_shared_ones():
    slots = Slots(5, QUEUES, reserved={"interactive": 2})
    assert [slots.take("interactive") for _ in range(6)] == [True] * 5 + [False]
    slots.release("interactive")
    assert slots.take("batch")


def test_a_reserved_slot_does_not_wait_behind_those_who_wait_for_shared_ones():
    waiting = Waiting(Slots(2, QUEUES, reserved={"batch": 1}))
    assert all(map(waiting.slots.take, ["batch", "default"]))
    for queue in ("interactive", "batch"):
        waiting.add(queue)
    assert waiting.land("batch") == "batch"


def test_who_waits_in_vain_is_told_so():
    slots = Slots(1, QUEUES)
    slots.take("default")
    assert not slots.wait("batch", 0.01)


def test_no_more_slots_are_ever_given_than_jobs_may_be_run():
    slots = Slots(5, QUEUES, max_jobs=2)
    assert slots.take("default")
    slots.release("default")
    assert slots.wait("batch", 0)
    slots.give_back("batch")  # there was no job
    assert slots.take("default")
    assert slots.exhausted
    assert not slots.free("default")
    assert not slots.wait("default", 0)


@given(
    st.dictionaries(st.sampled_from(QUEUES), st.integers(0, 3)),
    st.integers(0, 4),
    st.lists(st.tuples(st.booleans(), st.sampled_from(QUEUES)), max_size=60),
)
def test_what_is_reserved_is_there_whatever_happened(reserved, shared, moves):
    """Any history: never more jobs than slots, and each queue can still fill what it reserved."""
    slots, running = Slots(sum(reserved.values()) + shared, QUEUES, reserved=reserved), Counter()
    for comes, queue in moves:
        if comes and slots.take(queue):
            running[queue] += 1
        elif not comes and running[queue]:
            slots.release(queue)
            running[queue] -= 1
        assert running.total() <= sum(reserved.values()) + shared
        for other, number in reserved.items():
            assert slots.free(other) >= number - running[other]
