"""What people tell workers: drain and resume one of them, pause and resume a pool.

An order is a row. A worker reads its orders with each renewal of its lease, so it obeys within
two seconds, and at once when it starts.
"""

from dataclasses import dataclass

import structlog
from django.conf import settings

from workers.models import DrainRequest, PoolPause
from workers.pools import serving

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told at this moment."""

    drained: bool = False  # this process: finish, hand back what takes longer than the grace
    paused: bool = False  # its pool: finish what runs, however long it takes


def drain(worker: str, *, by: str) -> None:
    """Have the worker of this name fetch nothing more; it stays until it is told otherwise."""
    DrainRequest.objects.get_or_create(worker=worker, defaults={"asked_by": by})
    log.info("worker_drain_asked", worker=worker, by=by)


def resume(worker: str, *, by: str) -> None:
    """Let the worker fetch again."""
    DrainRequest.objects.filter(worker=worker).delete()
    log.info("worker_resume_asked", worker=worker, by=by)


def pause(pool: str, *, by: str) -> None:
    """Have no worker of the pool fetch anything; what runs goes on."""
    PoolPause.objects.get_or_create(pool=pool, defaults={"asked_by": by})
    log.info("pool_pause_asked", pool=pool, by=by)


def unpause(pool: str, *, by: str) -> None:
    """Let the pool's workers fetch again."""
    PoolPause.objects.filter(pool=pool).delete()
    log.info("pool_resume_asked", pool=pool, by=by)


def paused() -> frozenset[str]:
    """The pools that are paused."""
    return frozenset(PoolPause.objects.values_list("pool", flat=True))


def resting() -> frozenset[str]:
    """The queues that nobody takes work from: every pool that serves them is paused."""
    names = paused()
    return frozenset(
        queue
        for queue in (settings.QUEUES if names else ())
        if all(pool.name in names for pool in serving(queue))
    )
