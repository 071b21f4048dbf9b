"""A worker's time at work: from its presence and the first fetch until the last job has landed."""

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Protocol

import structlog
import uvloop
from django.conf import settings

from workers import strays
from workers.agents import registry
from workers.fleet import presence
from workers.handing import EVERY, Offers
from workers.health.pulse import Pulse
from workers.interrupts import Reason
from workers.observing import farewells
from workers.pools import Pool
from workers.redis import connections
from workers.running.condition import Condition
from workers.running.fetching import Fetcher, Source
from workers.running.flights import Flights, Seat
from workers.running.gates import Gate
from workers.running.obedience import Obedience
from workers.running.routines import Routine
from workers.running.slots import Slots
from workers.running.watchdog import Watchdog

log = structlog.get_logger(__name__)

BEAT = 2  # seconds between heartbeats to RQ
MAINTENANCE = 600  # seconds between RQ's clean-ups, as in RQ
HAND_BACK = 4  # seconds that interrupted jobs get for their last writes
LAST_RESORT = 3  # seconds more, then the process is ended whatever hangs
ECHO = 1  # seconds in which a second signal is only the first one's echo
UNREGISTERED, DRAINING = "unregistered", "draining"  # why the gate is closed
FAREWELL = 2  # seconds for a thread that waits in Redis


class Books(Protocol):
    """What a shift needs of its RQ worker."""

    name: str

    def beat(self) -> None:
        """Tell RQ that the worker and its jobs live."""

    def run_maintenance_tasks(self) -> None:
        """Clear RQ's registries."""


class Shift:
    """What one worker does on its event loop; `work` goes from start to end."""

    def __init__(
        self, worker: Books, pool: Pool, sources: Sequence[Source], *, offers: Offers | None = None
    ) -> None:
        """`offers`: where hints are handed to workers that have room."""
        self._pool, self._sources, self._offers = pool, sources, offers
        self._loop = uvloop.new_event_loop()
        self._flights = Flights()
        self._fetchers: list[Fetcher] = []
        self._gate = Gate(UNREGISTERED)
        self._ended = asyncio.Event()  # no further jobs come
        self._told_at: float | None = None
        hand_back = partial(self._flights.interrupt, Reason.DRAINING)
        self._obedience = Obedience(self._gate, self._loop, hand_back=hand_back)
        self._presence = presence.Presence(
            pool.name,
            serves=pool.queues,
            name=worker.name,
            slots=pool.slots,
            in_flight=self._flights.__len__,
            on_ready=partial(self._gate.open, UNREGISTERED),
            on_lost=self._abandon,
            on_orders=self._obedience.obey,
        )
        clean = partial(self._flights.enter, worker.run_maintenance_tasks)
        pulse, flying = Pulse("worker"), self._flights.__len__
        self._routines: tuple[Routine | Watchdog | Condition, ...] = (
            Routine("heart", partial(self._flights.enter, worker.beat), seconds=BEAT),
            Routine("maintenance", clean, seconds=MAINTENANCE),
            Watchdog(self._loop, pulse, limit=settings.WORKER_LEASE),
            Condition(worker.name, pool, gate=self._gate, pulse=pulse, in_flight=flying),
        )

    def work(
        self, *, burst: bool = False, max_jobs: int | None = None, max_idle: float | None = None
    ) -> bool:
        """Until told to stop or at the limits of `Fetcher`; whether any job ran."""
        pool = self._pool
        slots = Slots(pool.slots, pool.queues, reserved=pool.reserved, max_jobs=max_jobs)
        if self._offers:
            offering = Routine("offers", partial(self._offer, self._offers, slots), seconds=EVERY)
            self._routines = (*self._routines, offering)
        hire = partial(
            Fetcher,
            slots=slots,
            gate=self._gate,
            deliver=self._deliver,
            ended=self._count_out,
            burst=burst,
            max_idle=max_idle,
        )
        self._fetchers = [hire(source) for source in self._sources]
        presence.set_current(self._presence)
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._close()
        return self._flights.taken > 0

    def stop_job(self, job_id: str) -> None:
        """A person pressed Stop; from any thread."""
        self._loop.call_soon_threadsafe(self._flights.stop, job_id)

    def drain(self) -> None:
        """Stop fetching and let land what can."""
        self._told_at = monotonic()
        self._gate.close(DRAINING)
        log.info("worker_draining", jobs=len(self._flights))
        self._ended.set()

    def _on_signal(self) -> None:
        """The first drains, a second one ends the process at once."""
        if self._told_at is None:
            self.drain()
            end_within(settings.WORKER_GRACE + HAND_BACK + LAST_RESORT)
        elif monotonic() - self._told_at > ECHO:
            log.warning("worker_ended_at_once", jobs=len(self._flights))
            farewells.leave(1)

    async def _run(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._on_signal)
        await registry.warm_up()  # holds up the loop, so before anything depends on it
        for thread in (*self._routines, self._presence, *self._fetchers):
            thread.start()
        await self._ended.wait()
        await self._land()

    async def _land(self) -> None:
        """Let land what fits in the grace, ask the rest to hand its work back."""
        await asyncio.to_thread(dismiss, self._fetchers)  # what they have in hand lands too
        while not await self._flights.settled(1):
            if self._told_at and monotonic() - self._told_at >= settings.WORKER_GRACE:
                break
        self._flights.interrupt(Reason.DRAINING)
        if not await self._flights.settled(HAND_BACK):
            log.error("jobs_left", jobs=len(self._flights))
        await strays.dismiss(within=FAREWELL)  # what serves all jobs ends too
        await connections.close()
        await self._loop.shutdown_asyncgens()

    def _close(self) -> None:
        self._gate.close(DRAINING)
        dismiss([*self._fetchers, *self._routines])
        if self._offers:
            self._offers.withdraw()
        if self._presence.is_alive():
            self._presence.stop()
        presence.set_current(None)
        self._flights.close()
        self._loop.close()

    # --- called from other threads ------------------------------------------------------------

    def _offer(self, offers: Offers, slots: Slots) -> None:
        if self._gate.is_open:
            offers.make(slots)
        else:
            offers.withdraw()

    def _deliver(self, seat: Seat, landed: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._flights.take, seat, landed)

    def _count_out(self) -> None:
        """A fetcher has ended."""
        if all(fetcher.ended for fetcher in self._fetchers):
            with suppress(RuntimeError):  # the loop has ended before
                self._loop.call_soon_threadsafe(self._ended.set)

    def _abandon(self, done: threading.Event) -> None:
        """This process does not count as alive: others run what it ran."""
        self._gate.close(UNREGISTERED)

        def fire() -> None:
            self._flights.interrupt(Reason.ABANDONED)
            done.set()

        self._loop.call_soon_threadsafe(fire)


def dismiss(threads: Sequence[Fetcher | Routine | Watchdog | Condition]) -> None:
    """Have them end, and wait until they have: who still waits for Redis is given up."""
    for thread in threads:
        thread.stop()
    for thread in threads:
        if thread.is_alive():
            thread.join(FAREWELL)


def end_within(seconds: float) -> None:
    """Whatever hangs, a thread or a dependency: the process ends."""
    timer = threading.Timer(seconds, farewells.leave, [0])
    timer.daemon = True
    timer.start()
