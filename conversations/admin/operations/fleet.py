"""Pools and workers as the page shows them, from the workers' rows, orders and samples."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
)
from django.db.models.functions import Now

from conversations.admin.operations.charts import Figure, Window, chart
from conversations.admin.timeline import duration
from workers.fleet.samples import EVERY
from workers.models import DrainRequest, PoolPause, PoolSample, ScalingDecision, WorkerProcess
from workers.pools import Pool, pools

HOUR = timedelta(hours=1)
GAP = EVERY * 4  # seconds without a sample that a chart does not bridge
LEAST = 5  # the top of a chart of small numbers
WORKERS = 200  # that the page shows
DECISIONS = 20


@dataclass(frozen=True, slots=True)
class Crew:
    """A pool: what it is to be, and what it was at the newest sample."""

    pool: Pool
    pause: PoolPause | None
    samples: Sequence[PoolSample]  # of the last hour, in order
    window: Window

    @property
    def now(self) -> PoolSample | None:
        """None: nobody has sampled for so long that the last one tells nothing."""
        last = self.samples[-1] if self.samples else None
        return last if last and (self.window.end - last.at).total_seconds() < GAP else None

    @property
    def figures(self) -> list[Figure]:
        return [
            self._figure("Waiting", "waiting", str),
            self._figure("Oldest waits", "oldest", waited),
            self._figure("In flight", "in_flight", str),
        ]

    def _figure(self, title: str, field: str, words: Callable[[Any], str]) -> Figure:
        values = [getattr(sample, field) for sample in self.samples]
        points = [(sample.at, value) for sample, value in zip(self.samples, values, strict=True)]
        return Figure(
            title,
            now=words(getattr(self.now, field)) if self.now else "unknown",
            peak=words(max(values)) if values else "",
            lines=chart({field: points}, self.window, least=LEAST),
        )


def waited(seconds: float) -> str:
    return duration(seconds) if seconds else "0 s"


def crews(now: datetime) -> list[Crew]:
    """Every pool of the settings. Two queries."""
    window = Window(now - HOUR, now, GAP)
    pauses = {pause.pool: pause for pause in PoolPause.objects.all()}
    samples: dict[str, list[PoolSample]] = defaultdict(list)
    for sample in PoolSample.objects.filter(at__gte=window.start).order_by("at"):
        samples[sample.pool].append(sample)
    return [Crew(pool, pauses.get(name), samples[name], window) for name, pool in pools().items()]


LIVE, DRAINING, DRAINED, STUCK = "live", "draining", "drained", "stuck"


@dataclass(frozen=True, slots=True)
class Member:
    """A worker process, and how it is."""

    process: WorkerProcess
    is_drained: bool
    lease_left: timedelta

    @property
    def condition(self) -> str:
        """Stuck: its lease is over; the next sweep gives what it has in flight to others."""
        if self.lease_left <= timedelta():
            return STUCK
        if self.is_drained:
            return DRAINING if self.process.in_flight else DRAINED
        return LIVE

    @property
    def lease(self) -> str:
        seconds = self.lease_left.total_seconds()
        return f"{duration(seconds)} left" if seconds > 0 else f"over since {duration(-seconds)}"


def members() -> list[Member]:
    """As many as the page shows and one more, the stuck ones first. One query."""
    left = ExpressionWrapper(F("lease") - Now(), output_field=DurationField())
    drained = DrainRequest.objects.filter(worker=OuterRef("name"))
    rows = WorkerProcess.objects.annotate(
        lease_left=left,
        is_drained=Exists(drained),
        lives=ExpressionWrapper(Q(lease__gt=Now()), output_field=BooleanField()),
    )
    rows = rows.defer("fingerprints").order_by("lives", "pool", "name")
    return [Member(row, row.is_drained, row.lease_left) for row in rows[: WORKERS + 1]]


def decisions() -> list[ScalingDecision]:
    """The newest. By id: the autoscaler writes them one after the other."""
    return list(ScalingDecision.objects.order_by("-pk")[:DECISIONS])
