"""/metrics of a replica: what was counted on this host, and the state of the whole fleet.

The fleet's numbers are read from PostgreSQL and Redis when somebody asks, so every replica tells
the same and a killed process leaves none behind. RQ's own counts are never called: they clean up
unguarded, and two at once queue abandoned jobs twice.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from redis import RedisError

from conversations import census
from workers import pools, queues
from workers.fleet.demand import Demand, demands
from workers.health.progress import seconds
from workers.health.sharing import Shared
from workers.observing import exposition

GAUGES = {  # name: help, labels
    "agentsite_open_turns": ("Turns without an outcome", ["queue", "state"]),
    "agentsite_waiting_turns": ("Queued turns that only wait for a worker", ["queue"]),
    "agentsite_oldest_turn_seconds": ("How long the oldest of these waits", ["queue"]),
    "agentsite_since_success_seconds": ("Since a turn was last completed", []),
    "agentsite_queue_depth": ("Hints in the queue", ["queue"]),
    "agentsite_queue_oldest_seconds": ("How long the hint at its head waits", ["queue"]),
    "agentsite_queue_workers": (
        "Worker processes, of whatever pool, that serve it; not told of what only pools that fork do",
        ["queue"],
    ),
    "agentsite_pool_workers": (
        "Worker processes that live and take work; not told of pools that fork",
        ["pool"],
    ),
    "agentsite_pool_drained": (
        "Worker processes that live and take no work, by a person's order; not told of pools that fork",
        ["pool"],
    ),
    "agentsite_pool_slots": ("Turns that they may run at a time", ["pool"]),
    "agentsite_pool_in_flight": ("Turns that they run", ["pool"]),
    "agentsite_fleet_unknown": ("1: this part of the numbers could not be read", ["source"]),
}

SOURCES = ("turns", "queues", "pools")  # each a method of `Fleet`
LIMIT = 5.0  # seconds for all of them; Prometheus itself waits for ten

log = structlog.get_logger(__name__)


class Fleet:
    """A collector; what cannot be read is missing, and told in `agentsite_fleet_unknown`."""

    def collect(self) -> Iterable[Metric]:
        self._gauges = {name: gauge(name) for name in GAUGES}
        try:
            for source in SOURCES:
                self._read(source)
        finally:
            connection.close()  # back into the pool
        return self._gauges.values()

    def describe(self) -> Iterable[Metric]:
        return map(gauge, GAUGES)

    def _read(self, source: str) -> None:
        read: Callable[[], None] = getattr(self, f"_{source}")
        unknown = 0
        try:
            read()
        except (DatabaseError, RedisError, OSError) as error:
            unknown = 1
            log.warning("fleet_unknown", source=source, reason=type(error).__name__)
        self._set("agentsite_fleet_unknown", unknown, source)

    def _set(self, name: str, value: float, *labels: str) -> None:
        self._gauges[name].add_metric(labels, value)

    def _turns(self) -> None:
        turns = census.open_turns()
        progress = census.progress(turns)
        for line in turns:
            self._set("agentsite_open_turns", line.count, line.queue, line.state)
        for queue in dict.fromkeys([*settings.QUEUES, *(line.queue for line in turns)]):
            waiting = [line for line in turns if line.queue == queue]
            since = min((line.oldest for line in waiting if line.oldest), default=progress.now)
            self._set("agentsite_waiting_turns", sum(line.free for line in waiting), queue)
            self._set("agentsite_oldest_turn_seconds", seconds(progress.now - since), queue)
        if progress.since_success is not None:
            self._set("agentsite_since_success_seconds", progress.since_success)

    def _queues(self) -> None:
        now = datetime.now(UTC)
        for queue in settings.QUEUES:
            oldest = queues.oldest(queue)
            self._set("agentsite_queue_depth", queues.depth(queue), queue)
            self._set(
                "agentsite_queue_oldest_seconds", seconds(now - oldest) if oldest else 0, queue
            )

    def _pools(self) -> None:
        pool: str
        demand: Demand
        known = pools.pools()
        serving: Counter[str] = Counter()
        for pool, demand in demands().items():
            if not known[pool].forking:  # there only a child has a row, while it runs a turn
                self._set("agentsite_pool_workers", demand.workers, pool)
                self._set("agentsite_pool_drained", demand.drained, pool)
                serving.update(dict.fromkeys(known[pool].queues, demand.workers))
            self._set("agentsite_pool_slots", demand.slots, pool)
            self._set("agentsite_pool_in_flight", demand.in_flight, pool)
        for queue, workers in serving.items():
            self._set("agentsite_queue_workers", workers, queue)


def gauge(name: str) -> GaugeMetricFamily:
    told, labels = GAUGES[name]
    return GaugeMetricFamily(name, told, labels=labels)


class Unknown:
    """A collector in place of `Fleet`, where PostgreSQL or Redis hang."""

    def collect(self) -> Iterable[Metric]:
        unknown = gauge("agentsite_fleet_unknown")
        for source in SOURCES:
            unknown.add_metric([source], 1)
        return [unknown]


def fleet() -> bytes:
    return generate_latest(exposition.registry_of(Fleet()))


COUNTED, FLEET = Shared(exposition.counted, fresh=1), Shared(fleet, fresh=1)


async def everything() -> bytes:
    """Whatever hangs, what this host has counted is told."""
    counted = await COUNTED.answer()
    try:
        async with asyncio.timeout(LIMIT):
            return counted + await FLEET.answer()
    except TimeoutError:
        return counted + generate_latest(exposition.registry_of(Unknown()))


async def answer(request: HttpRequest) -> HttpResponse:
    """The text; nothing is here for whoever may not read it."""
    forwarded = bool({"X-Forwarded-For", "Forwarded"} & request.headers.keys())
    address = request.META.get("REMOTE_ADDR", "")
    authorization = request.headers.get("Authorization", "")
    if not exposition.may_read(authorization, address=address, forwarded=forwarded):
        return HttpResponse("Not found\n", status=404, content_type="text/plain")
    return HttpResponse(await everything(), content_type=exposition.CONTENT_TYPE)
