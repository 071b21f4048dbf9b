"""Samples of every pool's demand, for the charts of the last hour. Nobody leads.

Every worker and every autoscaler takes samples; the clock of PostgreSQL cuts the time into
stretches, and a constraint lets one sample of each pool and stretch in. What is too old to be
shown goes in the same transaction, so the table stays as small as it is.
"""

from datetime import datetime, timedelta
from time import monotonic

import structlog
from django.db import close_old_connections, connection, transaction
from redis import RedisError

from workers.fleet.demand import demands
from workers.models import DrainRequest, PoolSample, ScalingDecision, WorkerProcess

EVERY = 15  # seconds
KEPT = timedelta(hours=2)  # samples
REMEMBERED = timedelta(days=30)  # scaling decisions
FORGOTTEN = timedelta(days=1)  # drains of processes that are gone

STRETCH = "SELECT date_bin(make_interval(secs => %s), clock_timestamp(), 'epoch')"

log = structlog.get_logger(__name__)


class Sampler:
    """Takes a sample in each stretch, unless another process was first."""

    def __init__(self) -> None:
        self._due = 0.0

    def offer(self) -> None:
        """Take one if it is time; asked as often as the caller likes."""
        if monotonic() < self._due:
            return
        self._due = monotonic() + EVERY
        try:
            take()
        except Exception:
            log.exception("sample_not_taken")
        finally:
            close_old_connections()


def take() -> int:
    """How many pools were sampled: all, or none where somebody did before or Redis is away."""
    stretch = _stretch()
    if _is_taken(stretch):
        return 0
    try:
        found = demands()
    except RedisError as error:
        log.warning("sample_not_taken", reason=type(error).__name__)
        return 0
    rows = [
        PoolSample(
            pool=pool,
            at=stretch,
            waiting=demand.waiting,
            oldest=demand.oldest,
            workers=demand.workers,
            slots=demand.slots,
            in_flight=demand.in_flight,
        )
        for pool, demand in found.items()
    ]
    with transaction.atomic():
        PoolSample.objects.bulk_create(rows, ignore_conflicts=True)
        _prune(stretch)
    return len(rows)


def _stretch() -> datetime:
    """The beginning of this one, by a clock that all have in common."""
    with connection.cursor() as cursor:
        cursor.execute(STRETCH, [EVERY])
        now: datetime = cursor.fetchone()[0]
    return now


def _is_taken(stretch: datetime) -> bool:
    return PoolSample.objects.filter(at=stretch).exists()


def _prune(now: datetime) -> None:
    PoolSample.objects.filter(at__lt=now - KEPT).delete()
    ScalingDecision.objects.filter(at__lt=now - REMEMBERED).delete()
    names = WorkerProcess.objects.values("name")
    DrainRequest.objects.filter(asked__lt=now - FORGOTTEN).exclude(worker__in=names).delete()
