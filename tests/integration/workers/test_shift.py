"""A shift from its first fetch to its end, on a source of the test's own."""

import logging
import threading

import pytest

from tests.unit.workers.test_flights import Seat, nothing
from tests.waiting import GENEROUS
from workers import pools
from workers.agents import registry
from workers.fleet import presence
from workers.running import shift as shifts
from workers.running.shift import UNREGISTERED, Shift

TURNS = 5  # of the loop, in which one that has nothing in flight is through with all


class Books:
    """Of a worker."""

    name = "worker-of-the-test"

    def beat(self) -> None:
        """Nobody looks."""

    run_maintenance_tasks = beat


class Late:
    """A source of one job, of which nobody knows yet when its worker is told to stop."""

    queue = "default"

    def __init__(self, seat: Seat) -> None:
        self.seat: Seat | None = seat
        self.shift: Shift
        self.turned = threading.Event()

    def fetch(self, *, block: bool) -> Seat | None:
        seat, self.seat = self.seat, None
        return seat

    def suspended(self) -> bool:
        return False

    def is_old(self) -> bool:
        return False

    @property
    def is_own(self) -> bool:
        """Asked once more on the way from the queue to the loop."""
        if self.seat is None and not self.turned.is_set():
            self.shift._loop.call_soon_threadsafe(self._drain)
            self.turned.wait(1)
        return False

    def _drain(self, turns: int = TURNS) -> None:
        if turns == TURNS:
            self.shift.drain()
        if turns:
            self.shift._loop.call_soon(self._drain, turns - 1)
        else:
            self.turned.set()


class Idle:
    """A source of nothing."""

    queue, is_own = "default", False
    shift: Shift

    def fetch(self, *, block: bool) -> None:
        threading.Event().wait(0.05)

    def suspended(self) -> bool:
        return False


@pytest.fixture
def work(direct, monkeypatch, tmp_path):
    """Works a whole shift, in a thread: a test's own is to keep its signals."""
    monkeypatch.setenv("WORKER_STATUS_DIR", str(tmp_path))
    monkeypatch.setattr(shifts, "FAREWELL", GENEROUS)

    def begin(source, **options) -> None:
        source.shift = Shift(Books(), pools.pool("default"), [source], **options)
        thread = threading.Thread(target=source.shift.work, daemon=True)
        thread.start()
        thread.join(GENEROUS)

    return begin


def test_what_was_fetched_when_it_was_told_to_stop_is_done(work):
    seat = Seat(nothing)
    work(Late(seat))
    assert seat.books == ["begin", "succeed"]


class Slow:
    """Offers of a worker that is told to stop while it makes one."""

    def __init__(self, source: Idle) -> None:
        self.source = source
        self.told: list[str] = []
        self.withdrawn = threading.Event()

    def make(self, room) -> None:
        self.withdrawn.clear()  # it was before it was registered
        self.source.shift._loop.call_soon_threadsafe(self.source.shift.drain)
        self.withdrawn.wait(0.5)
        self.told.append("made")

    def withdraw(self) -> None:
        self.told.append("withdrawn")
        self.withdrawn.set()


def test_who_leaves_offers_nothing_afterwards(work):
    offers = Slow(source := Idle())
    work(source, offers=offers)
    assert "made" in offers.told
    assert offers.told[-1] == "withdrawn"


class Reader(logging.Handler):
    """Looks at the gate with each line."""

    def __init__(self, shift: Shift) -> None:
        super().__init__()
        self.shift = shift
        self.seen: list[bool] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.shift._gate.is_open)


def test_who_reads_that_a_worker_drains_gives_it_nothing_more():
    shift = Shift(Books(), pools.pool("default"), [])
    shift._gate.open(UNREGISTERED)
    logging.getLogger(shifts.__name__).addHandler(reader := Reader(shift))
    shift.drain()
    logging.getLogger(shifts.__name__).removeHandler(reader)
    shift._loop.close()
    assert reader.seen == [False]


def test_one_that_cannot_begin_says_why(direct, monkeypatch):
    async def fail() -> None:
        raise ImportError("no such library")

    monkeypatch.setattr(registry, "warm_up", fail)
    with pytest.raises(ImportError, match="no such library"):
        Shift(Books(), pools.pool("default"), [Late(Seat(nothing))]).work()
    assert presence.current() is None
