"""The sweep: bury dead workers, then let the site recover what they held. It has no leader.

Every worker looks, at random moments: alone every 10 ms, many of them twice a second each. The
fleet's clock in PostgreSQL lets one look in 10 ms through, however many they are, and twice a
second lets the one that looks tidy up: find again what was lost without a death.
"""

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from workers.fleet.samples import Sampler
from workers.fleet.sessions import Look
from workers.models import WorkerProcess
from workers.observing import metrics

log = structlog.get_logger(__name__)

BURY_LOCK = 0x62757279  # one buries at a time
STEP, LONGEST = 0.01, 0.5  # seconds between two looks: per live worker, and at most
REASONS = LOCK_FREE, LEASE_OVER = "lock_free", "lease_over"  # why somebody counts as dead

for _reason in REASONS:  # shown from the start, as 0: the first of a pod would be no increase
    metrics.WORKERS_DEAD.labels(_reason)

# One statement is one trip; its locks last as long as it does. A row that is locked is being
# renewed or claims a turn just now: the next sweep sees.
BURY = """
WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%s) AS mine),
dead AS MATERIALIZED (
    SELECT id FROM workers_workerprocess
    WHERE (id = ANY(%s) OR (id = ANY(%s) AND lease < clock_timestamp()))
        AND (SELECT mine FROM turn)
    FOR UPDATE SKIP LOCKED
)
DELETE FROM workers_workerprocess USING dead
WHERE workers_workerprocess.id = dead.id
RETURNING dead.id, name
"""


def bury(look: Look) -> list[str]:
    """Delete the rows of the dead; returns their names."""
    with connection.cursor() as cursor:
        cursor.execute(BURY, [BURY_LOCK, list(look.freed), list(look.expired)])
        buried = cursor.fetchall()
    for worker, name in buried:
        reason = LOCK_FREE if worker in look.freed else LEASE_OVER
        metrics.WORKERS_DEAD.labels(reason).inc()
        log.warning("worker_dead", worker=name, presence=str(worker), reason=reason)
    return [name for _, name in buried]


def expired() -> Look:
    """Who is dead by the lease alone: what a process can tell that is no worker itself."""
    over = Q(lease__lt=Now())
    dead = WorkerProcess.objects.filter(over).values_list("id", flat=True)
    return Look(WorkerProcess.objects.exclude(over).count(), expired=tuple(dead))


def sweep(look: Look, free_slots: int) -> None:
    """Bury, then settings.WORKER_SWEEP; an error waits for the next sweep."""
    try:
        if look:
            bury(look)
        # one even of a full worker: where all are always full, lost work is found all the same
        if found := import_string(settings.WORKER_SWEEP)(max(free_slots, 1)):
            log.info("swept", found=found)
    except Exception:
        log.exception("sweep_failed")
    finally:
        close_old_connections()


class Sweeper:
    """Says when to look, and sweeps what was seen in a thread of its own, one sweep at a time."""

    def __init__(self, free_slots: Callable[[], int], *, done: Callable[[], None]) -> None:
        self._free_slots = free_slots
        self._done = done
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sweep")
        self._sampler = Sampler()
        self.due = monotonic()  # when to look next; infinite during a sweep
        self._pause = LONGEST  # until it has seen how many there are

    def offer(self, look: Look | None) -> None:
        """What a look found; None: another process has just looked."""
        if look is not None:
            self._pause = min(look.live * STEP, LONGEST)
        if look is None or not (look or look.tidies):
            self._rest()
            return
        self.due = float("inf")
        self._thread.submit(self._sweep, look, self._free_slots()).add_done_callback(self._swept)

    def stop(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _sweep(self, look: Look, free_slots: int) -> None:
        sweep(look, free_slots)
        self._sampler.offer()  # here, because this thread has a connection already

    def _swept(self, _: Future[Any]) -> None:
        self._rest()
        self._done()

    def _rest(self) -> None:
        # drawn anew each time: workers that started together do not stay together
        self.due = monotonic() + self._pause * random.uniform(0.5, 1.5)  # noqa: S311
