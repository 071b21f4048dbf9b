import threading
from collections.abc import Callable

import pytest
import redis

from tests.waiting import GENEROUS, eventually
from workers.running.fetching import Fetcher
from workers.running.gates import Gate
from workers.running.slots import Slots


class Seat:
    """A job that was fetched."""

    def __init__(self) -> None:
        self.returned = threading.Event()

    def put_back(self) -> None:
        self.returned.set()


class Queue:
    """A source whose jobs are given one by one; an exception in place of a job is raised."""

    is_own = False

    def __init__(self, *jobs: Seat | Exception, queue: str = "default", old: bool = False) -> None:
        self.queue, self.old = queue, old
        self.jobs = list(jobs)
        self.resting = False
        self.asked = threading.Semaphore(0)
        self.before: Callable[[], None] = lambda: None

    def fetch(self, *, block: bool) -> Seat | None:
        self.asked.release()
        self.before()
        job = self.jobs.pop(0) if self.jobs else None
        if isinstance(job, Exception):
            raise job
        return job

    def is_old(self) -> bool:
        return self.old

    def suspended(self) -> bool:
        self.asked.release()
        return self.resting


class Desk:
    """Hires one fetcher and takes what it delivers."""

    def __init__(
        self,
        queue: Queue,
        *,
        opened: bool = True,
        slots: Slots | int = 10,
        max_jobs=None,
        **options,
    ) -> None:
        if isinstance(slots, int):
            slots = Slots(slots, [queue.queue], max_jobs=max_jobs)
        self.landed: list[Callable[[], None]] = []
        self.seats: list[Seat] = []
        self.delivered = threading.Semaphore(0)
        self.ended = threading.Event()
        self.gate = Gate() if opened else Gate("test")
        self.fetcher = Fetcher(
            queue,
            slots=slots,
            gate=self.gate,
            deliver=self.take,
            ended=self.ended.set,
            **options,
        )
        self.fetcher.start()

    def take(self, seat: Seat, landed: Callable[[], None]) -> None:
        self.seats.append(seat)
        self.landed.append(landed)
        self.delivered.release()

    def close(self) -> None:
        self.fetcher.stop()
        self.fetcher.join(GENEROUS)
        assert not self.fetcher.is_alive()


@pytest.fixture
def hire():
    desks: list[Desk] = []

    def hire(queue: Queue, **options) -> Desk:
        desks.append(Desk(queue, **options))
        return desks[-1]

    yield hire
    for desk in desks:
        desk.close()


def test_no_more_jobs_are_fetched_than_there_are_slots(hire):
    queue = Queue(Seat(), Seat(), Seat())
    desk = hire(queue, slots=2)
    assert all(desk.delivered.acquire(timeout=GENEROUS) for _ in range(2))
    assert len(queue.jobs) == 1
    desk.landed[0]()
    assert desk.delivered.acquire(timeout=GENEROUS)


def test_it_goes_on_whatever_fetching_raised(hire):
    desk = hire(Queue(redis.ConnectionError(), redis.TimeoutError(), ValueError(), Seat()))
    assert desk.delivered.acquire(timeout=GENEROUS)


def test_redis_away_costs_no_slot(hire):
    desk = hire(Queue(redis.ConnectionError(), Seat()), slots=1)
    assert desk.delivered.acquire(timeout=GENEROUS)


def test_nothing_is_fetched_while_the_gate_is_closed(hire):
    desk = hire(queue := Queue(Seat()), opened=False)
    desk.fetcher.stop()
    assert desk.ended.wait(GENEROUS)  # it has looked at the gate
    assert not queue.asked.acquire(blocking=False)


def test_a_job_that_comes_while_the_gate_closes_goes_back(hire):
    desk = hire(queue := Queue(seat := Seat()), opened=False)
    queue.before = lambda: desk.gate.close("test")
    desk.gate.open("test")
    assert seat.returned.wait(GENEROUS)
    assert not desk.seats


def test_a_job_that_comes_while_it_is_told_to_stop_goes_back(hire):
    desk = hire(queue := Queue(seat := Seat()), opened=False)
    queue.before = desk.fetcher.stop
    desk.gate.open("test")
    assert seat.returned.wait(GENEROUS)
    assert desk.ended.wait(GENEROUS)


def test_it_rests_while_all_workers_are_suspended(hire):
    queue = Queue(Seat())
    queue.resting = True
    desk = hire(queue)
    assert all(queue.asked.acquire(timeout=GENEROUS) for _ in range(2))
    assert len(queue.jobs) == 1
    queue.resting = False
    assert desk.delivered.acquire(timeout=GENEROUS)


def test_a_burst_ends_with_the_queue(hire):
    desk = hire(Queue(Seat(), Seat()), burst=True)
    assert desk.ended.wait(GENEROUS)
    assert len(desk.seats) == 2


def test_it_ends_after_as_many_jobs_as_it_may_fetch(hire):
    desk = hire(Queue(Seat(), Seat()), max_jobs=1)
    assert desk.ended.wait(GENEROUS)
    assert len(desk.seats) == 1


def test_it_ends_when_nothing_came_for_too_long(hire):
    assert hire(Queue(), max_idle=0.05).ended.wait(GENEROUS)


def test_a_job_for_which_another_queue_took_the_last_slot_meanwhile_goes_back(hire):
    slots = Slots(1, ["default", "batch"])
    queue = Queue(seat := Seat())
    queue.before = lambda: slots.take("batch")
    desk = hire(queue, slots=slots)
    assert seat.returned.wait(GENEROUS)
    assert not desk.seats


def test_a_queue_without_jobs_keeps_no_slot_from_another(hire):
    slots = Slots(1, ["default", "batch"])
    assert slots.take("batch")
    empty, waiting = hire(Queue(), slots=slots), hire(Queue(Seat(), queue="batch"), slots=slots)
    slots.release("batch")
    assert waiting.delivered.acquire(timeout=GENEROUS)
    assert not empty.seats


def test_a_queue_that_has_grown_old_takes_the_next_slot_from_one_that_goes_first(hire):
    slots = Slots(1, ["default", "batch"])
    assert slots.take("default")
    late = hire(Queue(Seat(), queue="batch", old=True), slots=slots)
    eventually(lambda: slots._waiting["batch"] and slots._old)
    first = hire(Queue(Seat()), slots=slots)
    eventually(lambda: released_to(slots, "batch", "default"))
    assert late.delivered.acquire(timeout=GENEROUS)
    assert not first.seats


def released_to(slots: Slots, *queues: str) -> bool:
    """Free the slot if all of these wait for it: each looks round for a moment once a second."""
    with slots._changed:
        all_wait = all(slots._waiting[queue] for queue in queues)
        if all_wait:
            slots.release("default")
        return all_wait


def test_what_is_handed_to_a_worker_without_a_slot_goes_back_at_once(hire):
    slots = Slots(1, ["default"])
    assert slots.take("default")
    queue = Queue(seat := Seat())
    queue.is_own = True
    hire(queue, slots=slots)
    assert seat.returned.wait(GENEROUS)
