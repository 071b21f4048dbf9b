"""Proof that this process lives: a row in WorkerProcess, an advisory lock, and a lease.

A worker takes a lock on a direct connection of its own, then inserts its row, then renews the
row's lease from this thread, never from the event loop. Dead means: the lease is over, or the
lock is free that was held while the observer's unbroken session lived. Death is DELETE of the row. A
process whose row or session is lost abandons its jobs and registers anew, under a new id. It
registers at once: who sweeps tells by its name that it has not crashed.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from uuid import UUID, uuid4

import psycopg
import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from workers import identity, interrupts
from workers.fleet.sessions import PresenceLost, Session
from workers.fleet.sweep import Sweeper
from workers.models import WorkerProcess
from workers.observing import metrics
from workers.orders import Orders
from workers.pools import serving

log = structlog.get_logger(__name__)

RENEWALS = 4  # per lease
BACK_OFF, LONGEST_BACK_OFF = 0.1, 5.0  # seconds between two tries to register
AWAY = (PresenceLost, psycopg.Error, DatabaseError)


def nothing(*_: object) -> None:
    """For who need not be told."""


class Presence(threading.Thread):
    """This process's presence; `id` changes when it had to register anew."""

    def __init__(
        self,
        pool: str,
        *,
        name: str,
        slots: int,
        serves: Sequence[str] = (),
        in_flight: Callable[[], int] = int,
        on_ready: Callable[[], None] = nothing,
        on_lost: Callable[[threading.Event], None] = threading.Event.set,
        on_orders: Callable[[Orders], None] = nothing,
        sweeps: bool = True,
    ) -> None:
        """The three are called in this thread.

        `on_lost` interrupts what runs and sets the event when all of it is: until then no claim
        finds a row, for `id` is still the old one. A job that claimed under the new id and was
        interrupted only then would leave its work to nobody. `on_orders` comes before `on_ready`,
        then with each renewal.
        """
        super().__init__(name="presence", daemon=True)
        self.id: UUID = uuid4()
        self._former = self.id  # whose row the next one takes the place of
        self.name = name
        self.pool = pool
        self.serves = frozenset(serves or [pool])  # queues
        self.slots = slots
        self._in_flight = in_flight
        self._on_ready, self._on_lost, self._on_orders = on_ready, on_lost, on_orders
        self._ready = threading.Event()
        self._was_lost = False
        self._interrupted = threading.Event()
        self._interrupted.set()
        self._stopping = threading.Event()
        self._bell, self._rope = os.pipe()
        self._sweeper = Sweeper(lambda: self.slots - self._in_flight(), done=self._ring)
        if not sweeps:
            self._sweeper.due = float("inf")

    def wait(self, seconds: float) -> bool:
        """Until it is registered; False when the time is over."""
        return self._ready.wait(seconds)

    def stop(self) -> None:
        """Leave: delete the row, free the lock."""
        self._stopping.set()
        self._ring()
        self.join()
        os.close(self._bell)
        os.close(self._rope)

    def run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            try:
                self._live()
            except Exception as error:
                if not isinstance(error, AWAY):
                    # a thread that ended here would leave a worker that nobody can see
                    log.exception("presence_failed", worker=self.name)
                # at once when it was registered: until it is again, it looks as if it had crashed
                tried = not self._ready.is_set()
                pause = min(pause * 2 + BACK_OFF, LONGEST_BACK_OFF) if tried else 0.0
                self._lose(error)
                self._stopping.wait(pause)
        self._sweeper.stop()

    def _live(self) -> None:
        session = Session(again=self._was_lost)
        try:
            self._register(session)
            self._attend(session)
            WorkerProcess.objects.filter(id=self.id).delete()
        finally:
            session.close()
            close_old_connections()

    def _register(self, session: Session) -> None:
        me = identity.own()
        row = WorkerProcess(
            lock=session.lock,
            name=self.name,
            pool=self.pool,
            host=me.host,
            pid=me.pid,
            process_start=me.process_start,
            slots=self.slots,
        )
        orders = session.register(row, former=self._former)
        self._former = row.id
        self._interrupted.wait(settings.WORKER_LEASE)  # longer, and the watchdog ends the process
        self._on_orders(orders)
        self.id = row.id
        self._ready.set()
        log.info("presence_registered", worker=self.name, presence=str(self.id))
        self._on_ready()

    def _attend(self, session: Session) -> None:
        interval = settings.WORKER_LEASE / RENEWALS
        renewal = monotonic() + interval
        while not self._stopping.is_set():
            spoken = session.wait(min(renewal, self._sweeper.due) - monotonic(), self._bell)
            if spoken or monotonic() >= renewal:
                self._on_orders(session.renew(self.id, self._in_flight()))
                renewal = monotonic() + interval
            if monotonic() >= self._sweeper.due:
                self._sweeper.offer(session.look())

    def _lose(self, error: Exception) -> None:
        was_ready = self._ready.is_set()
        self._ready.clear()
        log.warning("presence_lost", worker=self.name, reason=type(error).__name__)
        if was_ready and not self._stopping.is_set():
            self._was_lost = True
            metrics.PRESENCE_LOST.inc()
            self._interrupted.clear()
            self._on_lost(self._interrupted)

    def _ring(self) -> None:
        os.write(self._rope, b"!")


_current: Presence | None = None


def current() -> Presence | None:
    """This process's presence; None outside a worker."""
    return _current


def set_current(presence: Presence | None) -> None:
    """Make it the process's own."""
    global _current  # noqa: PLW0603 - one per process is the point
    _current = presence


def lives(name: str) -> bool:
    """Whether the process of this name is registered, under whatever id.

    A name ends in a digest of host, pid and process start: no other process ever has it. So a
    worker that only lost its connection, or handed its work back, is told from one that crashed.
    """
    return WorkerProcess.objects.filter(name=name).exists()


def _abandon(job: interrupts.Interrupt | None, done: threading.Event) -> None:
    if job:
        job.fire(interrupts.Reason.ABANDONED)
    done.set()


@contextmanager
def ensure(queue: str) -> Iterator[Presence]:
    """The process's presence; where it has none (a stock worker's child), one for the block."""
    if _current is not None:
        yield _current
        return
    presence = Presence(
        next((pool.name for pool in serving(queue) if pool.forking), queue),
        name=identity.own().name(os.environ.get("RQ_WORKER_ID", queue)),
        slots=1,
        in_flight=lambda: 1,
        on_lost=partial(_abandon, interrupts.current()),
        sweeps=False,
    )
    presence.start()
    set_current(presence)
    try:
        presence.wait(settings.WORKER_LEASE)
        yield presence
    finally:
        set_current(None)
        presence.stop()
