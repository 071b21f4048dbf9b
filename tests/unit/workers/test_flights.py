import asyncio
from types import SimpleNamespace

import pytest
import redis

from tests.waiting import GENEROUS
from workers.interrupts import Reason
from workers.running.flights import Flights


class Seat:
    """Writes down what a real one would write into Redis."""

    def __init__(self, coroutine, *, job_id: str = "a", timeout: float | None = None) -> None:
        self.job = SimpleNamespace(origin="default", id=job_id, timeout=timeout, call=self._call)
        self.books: list[str] = []
        self.running = asyncio.Event()
        self._coroutine = coroutine

    async def _call(self) -> None:
        self.running.set()
        await self._coroutine()

    def begin(self) -> None:
        self.books.append("begin")

    def succeed(self) -> None:
        self.books.append("succeed")

    def fail(self, reason: str, error: BaseException | None) -> None:
        self.books.append(f"fail: {reason.splitlines()[-1]}")

    def stop(self) -> None:
        self.books.append("stop")

    def put_back(self) -> None:
        self.books.append("put back")


async def forever() -> None:
    await asyncio.Event().wait()


async def obedient() -> None:
    """Puts all in order when it is interrupted."""
    try:
        await forever()
    except asyncio.CancelledError:
        return


async def nothing() -> None:
    """Ends at once."""


@pytest.fixture
def flights():
    flights = Flights()
    yield flights
    flights.close()


async def fly(flights: Flights, seat: Seat, interrupt=None) -> list[str]:
    """What is written of a job, where it is interrupted once it runs."""
    landed = asyncio.Event()
    flights.take(seat, landed.set)
    if interrupt:
        await asyncio.wait_for(seat.running.wait(), GENEROUS)
        interrupt()
    await asyncio.wait_for(landed.wait(), GENEROUS)
    assert seat.books[0] == "begin"
    return seat.books[1:]


async def test_a_job_that_returns_succeeds(flights):
    assert await fly(flights, Seat(nothing)) == ["succeed"]


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError])
async def test_a_job_that_raises_fails_and_ends_nothing_else(flights, error):
    async def raises() -> None:
        raise error("why")

    [written] = await fly(flights, Seat(raises))
    assert written.startswith("fail: ")
    assert error.__name__ in written


@pytest.mark.parametrize(
    ("reason", "written"),
    [
        (Reason.DRAINING, "put back"),
        (Reason.ABANDONED, "fail: Its worker no longer counted as alive"),
    ],
)
async def test_an_interrupted_job_that_puts_nothing_in_order(flights, reason, written):
    assert await fly(flights, Seat(forever), lambda: flights.interrupt(reason)) == [written]


@pytest.mark.parametrize("reason", [Reason.DRAINING, Reason.ABANDONED, Reason.STOPPED])
async def test_an_interrupted_job_that_puts_all_in_order_is_done(flights, reason):
    assert await fly(flights, Seat(obedient), lambda: flights.interrupt(reason)) == ["succeed"]


@pytest.mark.parametrize("job", [forever, obedient])
async def test_stop_is_shown_as_stopped_whatever_the_job_makes_of_it(flights, job):
    assert await fly(flights, Seat(job), lambda: flights.stop("a")) == ["stop"]


@pytest.mark.parametrize("job", [forever, obedient])
async def test_too_long_fails_whatever_the_job_makes_of_it(flights, job):
    assert await fly(flights, Seat(job, timeout=0.01)) == [
        "fail: The job took more than 0.01 seconds"
    ]


async def test_stop_stops_no_other_job(flights):
    other = Seat(forever, job_id="b")
    flights.take(other, lambda: None)
    assert await fly(flights, Seat(forever), lambda: flights.stop("a")) == ["stop"]
    assert other.books == ["begin"]
    flights.interrupt(Reason.DRAINING)
    assert await flights.settled(GENEROUS)


async def test_a_job_whose_beginning_cannot_be_written_does_not_run(flights):
    ran = []

    async def runs() -> None:
        ran.append(True)

    class Away(Seat):
        def begin(self) -> None:
            self.books.append("begin")
            raise redis.ConnectionError

    assert await fly(flights, Away(runs)) == []
    assert not ran


async def test_a_thousand_jobs_fly_at_once(flights):
    seats = [Seat(forever, job_id=str(number)) for number in range(1000)]
    for seat in seats:
        flights.take(seat, lambda: None)
    assert len(flights) == 1000
    flights.interrupt(Reason.DRAINING)
    assert await flights.settled(GENEROUS)
    assert {seat.books[-1] for seat in seats} == {"put back"}
