"""The jobs in flight on the event loop: each awaited between RQ's bookkeeping before and after.

Bookkeeping runs in one thread, the ledger: what it writes about the worker as a whole (its state,
its current job, heartbeats) is then always the last word. All else here runs on the loop.
"""

import asyncio
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import structlog
from redis import RedisError

from workers.interrupts import Interrupt, Reason
from workers.jobs import TurnJob
from workers.observing import metrics

log = structlog.get_logger(__name__)


class Seat(Protocol):
    """What stands in for the child that RQ would fork for a job."""

    job: TurnJob

    def begin(self) -> None:
        """Before the job runs."""

    def succeed(self) -> None:
        """It returned."""

    def fail(self, reason: str, error: BaseException | None) -> None:
        """It raised, took too long or may not run."""

    def stop(self) -> None:
        """Somebody pressed Stop."""

    def put_back(self) -> None:
        """It goes back to the head of its queue."""


class Flight:
    """One job in flight."""

    __slots__ = ("interrupt", "seat", "stopped", "task")

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.interrupt = Interrupt()
        self.stopped = False  # by a person, in RQ's admin
        self.task: asyncio.Task[None] | None = None


class Flights:
    """All that are in flight in this process."""

    def __init__(self) -> None:
        self.taken = 0  # so far
        self._flights: set[Flight] = set()
        self._ledger = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    def __len__(self) -> int:
        return len(self._flights)

    def take(self, seat: Seat, landed: Callable[[], None]) -> None:
        """Run a job; `landed` is called when all is written."""
        self.taken += 1
        flight = Flight(seat)
        self._flights.add(flight)
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight, landed))

    def interrupt(self, reason: Reason) -> None:
        """Stop all."""
        for flight in list(self._flights):
            flight.interrupt.fire(reason)

    def stop(self, job_id: str) -> None:
        """Stop one job, as a person who pressed RQ's Stop."""
        for flight in list(self._flights):
            if flight.seat.job.id == job_id:
                flight.stopped = True
                flight.interrupt.fire(Reason.STOPPED)

    async def settled(self, seconds: float) -> bool:
        """Wait until nothing is in flight; False when the time is over."""
        if tasks := [flight.task for flight in self._flights if flight.task]:
            await asyncio.wait(tasks, timeout=seconds)
        return not self._flights

    def enter(self, entry: Callable[..., None], *arguments: Any) -> bool:
        """Write something into RQ's books, from any thread; False when Redis is away.

        A job is a hint, so a lost entry loses nothing: RQ clears it away when its TTL is over.
        """
        return self._ledger.submit(write, entry, *arguments).result()

    def close(self) -> None:
        self._ledger.shutdown(wait=False)

    async def _fly(self, flight: Flight, landed: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            if await loop.run_in_executor(self._ledger, write, flight.seat.begin):
                error = await perform(flight)
                await loop.run_in_executor(self._ledger, write, settle, flight, error)
        except Exception:
            log.exception("flight_lost", job=flight.seat.job.id)
        finally:
            self._flights.discard(flight)
            landed()


def write(entry: Callable[..., None], *arguments: Any) -> bool:
    """In the ledger's thread: one entry; False when Redis is away."""
    try:
        entry(*arguments)
    except RedisError as error:
        log.warning("bookkeeping_failed", entry=entry.__name__, reason=type(error).__name__)
        return False
    return True


async def perform(flight: Flight) -> BaseException | None:
    """Await the job; returns what it raised."""
    job = flight.seat.job
    try:
        with flight.interrupt.armed(job.timeout):
            await job.call()
    except (Exception, asyncio.CancelledError, SystemExit) as error:  # noqa: BLE001 - a job ends no worker
        return error
    return None


def settle(flight: Flight, error: BaseException | None) -> None:
    """Write a job's outcome into RQ's books."""
    seat, reason = flight.seat, flight.interrupt.reason
    outcome = "failed" if error else "done"
    if error and reason is Reason.DRAINING:
        outcome = "returned"
    metrics.JOBS.labels(queue=seat.job.origin, outcome=outcome).inc()
    if flight.stopped:
        seat.stop()
    elif reason is Reason.TIMED_OUT:
        seat.fail(f"The job took more than {seat.job.timeout} seconds", None)
    elif error is None:
        seat.succeed()
    elif reason is Reason.DRAINING:
        seat.put_back()
    elif reason is Reason.ABANDONED:
        seat.fail("Its worker no longer counted as alive", None)
    else:
        log.error("job_failed", job=seat.job.id, exc_info=error)
        seat.fail("".join(traceback.format_exception(error)), error)
