"""What each pool has to do at this moment, and what it has for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from workers import queues
from workers.models import DrainRequest, WorkerProcess
from workers.pools import Pool, pools


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Of one pool, at one moment."""

    waiting: int = 0  # jobs in its queues
    oldest: float = 0  # seconds that the oldest of them waits
    workers: int = 0  # that live and are not drained
    drained: int = 0  # that live, and take no work until somebody resumes them
    slots: int = 0  # of all these workers
    in_flight: int = 0

    @property
    def busy(self) -> int:
        """All that is to be done."""
        return self.waiting + self.in_flight


def demands() -> dict[str, Demand]:
    """Of every pool: one query, and two commands a queue. Raises redis.RedisError."""
    known = pools()
    waiting = {queue: _waiting(queue) for pool in known.values() for queue in pool.queues}
    crews = {row["pool"]: row for row in _crews()}
    return {name: _demand(pool, waiting, crews.get(name, {})) for name, pool in known.items()}


def _demand(
    pool: Pool, waiting: Mapping[str, tuple[int, float]], crew: Mapping[str, int]
) -> Demand:
    return Demand(
        waiting=sum(waiting[queue][0] for queue in pool.queues),
        oldest=max((waiting[queue][1] for queue in pool.queues), default=0),
        workers=crew.get("workers", 0),
        drained=crew.get("drained", 0),
        slots=crew.get("slots_in_all", 0),
        in_flight=crew.get("running", 0),
    )


def _waiting(queue: str) -> tuple[int, float]:
    """How many jobs, and for how long the oldest."""
    depth = queues.depth(queue)
    since = queues.oldest(queue) if depth else None
    # the clock of whoever enqueued it may be ahead of ours
    return depth, max((timezone.now() - since).total_seconds(), 0) if since else 0


def _crews() -> QuerySet:
    told = DrainRequest.objects.filter(worker=OuterRef("name"))
    live = WorkerProcess.objects.filter(lease__gt=Now()).alias(is_drained=Exists(told))
    serves = Q(is_drained=False)
    return live.values("pool").annotate(
        workers=Count("id", filter=serves),
        drained=Count("id", filter=~serves),
        slots_in_all=Sum("slots", filter=serves, default=0),
        running=Sum("in_flight", filter=serves, default=0),
    )
