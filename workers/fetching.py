"""Takes jobs off one queue and brings them to the event loop: one thread per queue."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol

import structlog
from redis import RedisError

from workers.flights import Seat

log = structlog.get_logger(__name__)

BACK_OFF, LONGEST_BACK_OFF = 0.1, 5.0  # seconds between two tries while Redis is away


class Source(Protocol):
    """A queue, seen by its fetcher."""

    name: str

    def fetch(self, *, block: bool) -> Seat | None:
        """The next job, waited for a second where `block`; None: nothing there."""

    def suspended(self) -> bool:
        """Whether somebody told all workers to rest (`rq suspend`)."""


class Fetcher(threading.Thread):
    """Fetches while there is a free slot and the gate is open."""

    def __init__(
        self,
        source: Source,
        *,
        slots: int,
        gate: threading.Event,
        deliver: Callable[[Seat, Callable[[], None]], None],
        ended: Callable[[], None],
        burst: bool = False,
        max_jobs: int | None = None,
        max_idle: float | None = None,
    ) -> None:
        """`deliver` gets a job and what to call when it has landed; `ended`: no more come.

        In `burst` it ends when the queue is empty, else after `max_jobs` or `max_idle` seconds.
        """
        super().__init__(name=f"fetch {source.name}", daemon=True)
        self._source = source
        self._slots = threading.BoundedSemaphore(slots)
        self._gate = gate
        self._deliver, self._say_ended = deliver, ended
        self._left = max_jobs
        self._patience = 0.0 if burst else max_idle
        self._idle_since = monotonic()
        self.ended = False
        self._stopping = threading.Event()
        self._pause = BACK_OFF
        self._resting, self._look_again = False, 0.0

    def stop(self) -> None:
        """No further jobs; the thread ends within a second."""
        self._stopping.set()

    def run(self) -> None:
        try:
            while not self._stopping.is_set() and self._left != 0:
                if self._gate.wait(1) and self._slots.acquire(timeout=1):
                    self._step()
        finally:
            self.ended = True
            self._say_ended()

    def _step(self) -> None:
        """With a slot in hand: fetch, and give the slot to the job or back."""
        seat = None
        try:
            seat = self._fetch()
        except RedisError as error:
            log.warning("fetch_failed", queue=self._source.name, reason=type(error).__name__)
            self._back_off()
        except Exception:
            log.exception("fetch_failed", queue=self._source.name)
            self._back_off()
        else:
            self._pause = BACK_OFF
        if seat is None:
            self._slots.release()
        else:
            self._deliver(seat, self._slots.release)

    def _back_off(self) -> None:
        self._stopping.wait(self._pause)
        self._pause = min(self._pause * 2, LONGEST_BACK_OFF)

    def _fetch(self) -> Seat | None:
        if self._rests():
            self._stopping.wait(1)
            return None
        seat = self._source.fetch(block=self._patience != 0)
        if seat is None:
            self._give_up_when_idle()
        elif self._stopping.is_set() or not self._gate.is_set():
            seat.put_back()  # it came while the gate closed
            return None
        else:
            self._idle_since = monotonic()
            self._left = self._left and self._left - 1
        return seat

    def _give_up_when_idle(self) -> None:
        if self._patience is not None and monotonic() - self._idle_since >= self._patience:
            self.stop()

    def _rests(self) -> bool:
        """Asks once a second: it would be one more round trip for each job."""
        if monotonic() >= self._look_again:
            self._resting = self._source.suspended()
            self._look_again = monotonic() + 1
        return self._resting
