"""Takes jobs off one list of a queue and brings them to the event loop: one thread per list.

While there is room it listens and takes a slot when a job comes; where another was faster the job
goes back to the head of its queue. Without room it waits for a slot first. So no slot is held by
whom nothing reaches, and none is given out twice.
"""

import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Protocol, TypeVar

import structlog
from django.conf import settings
from redis import RedisError

from workers.observing import metrics
from workers.running.flights import Seat
from workers.running.gates import Gate
from workers.running.slots import Slots

T = TypeVar("T")

log = structlog.get_logger(__name__)

BACK_OFF, LONGEST_BACK_OFF = 0.1, 5.0  # seconds between two tries while Redis is away


class Source(Protocol):
    """A list of jobs, seen by its fetcher."""

    queue: str  # the class of its work
    is_own: bool  # this worker's alone: what it cannot take goes to the others

    def fetch(self, *, block: bool) -> Seat | None:
        """The next job, waited for a second where `block`; None: nothing there."""

    def suspended(self) -> bool:
        """Whether somebody told all workers to rest (`rq suspend`)."""

    def is_old(self) -> bool:
        """Whether its oldest job has waited for longer than settings.QUEUE_AGEING."""


class Fetcher(threading.Thread):
    """Fetches while there is a free slot and the gate is open."""

    def __init__(
        self,
        source: Source,
        *,
        slots: Slots,
        gate: Gate,
        deliver: Callable[[Seat, Callable[[], None]], None],
        ended: Callable[[], None],
        burst: bool = False,
        max_idle: float | None = None,
    ) -> None:
        """`deliver` gets a job and what to call when it has landed; `ended`: no more come.

        In `burst` it ends when the queue is empty, else after `max_idle` seconds or the slots' last job.
        """
        super().__init__(name=f"fetch {source.queue}", daemon=True)
        self._source = source
        self._slots = slots
        self._gate = gate
        self._deliver, self._say_ended = deliver, ended
        self._patience = 0.0 if burst else max_idle
        self._idle_since = monotonic()
        self.ended = False
        self._stopping = threading.Event()
        self._pause = BACK_OFF
        self._resting, self._look_again, self._look_at_age = False, 0.0, 0.0

    def stop(self) -> None:
        """No further jobs; the thread ends within a second."""
        self._stopping.set()

    def run(self) -> None:
        try:
            while not self._stopping.is_set() and not self._slots.exhausted:
                if self._gate.wait(1):
                    self._step()
        finally:
            self.ended = True
            self._say_ended()

    def _step(self) -> None:
        queue = self._source.queue
        if self._source.is_own or self._slots.free(queue):
            self._bring(self._tried(block=self._patience != 0))
            return
        self._tell_age()
        if self._slots.wait(queue, 1):
            self._bring(self._tried(block=False), slot=True)

    def _bring(self, seat: Seat | None, *, slot: bool = False) -> None:
        """Deliver what came, if there is a slot for it; `slot`: there is one in hand."""
        queue = self._source.queue
        if seat is None:
            if slot:
                self._slots.give_back(queue)
            return
        fits = slot or self._slots.take(queue)
        if self._source.is_own:
            outcome = "taken" if fits else "returned"
            metrics.HANDED.labels(how=settings.DISTRIBUTION, outcome=outcome).inc()
        if not fits:
            self._ask(seat.put_back)
            return
        self._idle_since = monotonic()
        self._deliver(seat, partial(self._slots.release, queue))

    def _tried(self, *, block: bool) -> Seat | None:
        """What can be fetched, whatever happens."""
        seat: Seat | None = self._ask(partial(self._fetch, block=block))
        return seat

    def _ask(self, deed: Callable[[], T]) -> T | None:
        """Do it; an error is waited out for some time."""
        try:
            done = deed()
        except RedisError as error:
            log.warning("fetch_failed", queue=self._source.queue, reason=type(error).__name__)
        except Exception:
            log.exception("fetch_failed", queue=self._source.queue)
        else:
            self._pause = BACK_OFF
            return done
        self._stopping.wait(self._pause)
        self._pause = min(self._pause * 2, LONGEST_BACK_OFF)
        return None

    def _fetch(self, *, block: bool) -> Seat | None:
        if self._rests():
            self._stopping.wait(1)
            return None
        seat = self._source.fetch(block=block)
        if seat is None:
            self._give_up_when_idle()
        elif self._stopping.is_set() or not self._gate.is_open:
            seat.put_back()  # it came while the gate closed
            return None
        return seat

    def _give_up_when_idle(self) -> None:
        if self._patience is not None and monotonic() - self._idle_since >= self._patience:
            self.stop()

    def _tell_age(self) -> None:
        """Asks once a second, and only where slots are short."""
        if monotonic() >= self._look_at_age:
            old = bool(self._ask(self._source.is_old))
            self._slots.grow_old(self._source.queue, old=old)
            self._look_at_age = monotonic() + 1

    def _rests(self) -> bool:
        """Asks once a second: it would be one more round trip for each job."""
        if monotonic() >= self._look_again:
            self._resting = self._source.suspended()
            self._look_again = monotonic() + 1
        return self._resting
