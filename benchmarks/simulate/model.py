"""The model: stations that serve one thing after the other, and turns that go through them.

A station's cores are shared first come, first served. A reply is served in SEGMENTS pieces, each
after the time in which the provider says it; whatever is busy by then makes the reply late.
"""

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import simpy

from benchmarks.simulate.costs import Cost, Costs

SEGMENTS = 5
ACCEPT, CLAIM, END = 0.3, 0.35, 0.35  # shares of a turn's cost in PostgreSQL
# Of the 39.2 Redis commands of a turn (docs/benchmarks.md) these are RQ's, those of the hot copy
# and sessions, and the log's.
QUEUE, CACHE, LIVE = 28.4 / 39.2, 3.9 / 39.2, 6.9 / 39.2
LEFT = 0.01  # of a station, at least, however much goes on anyway
STATIONS = ("web", "worker", "postgresql", "queue", "cache", "live")
Step = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Reply:
    """What a turn asks of the model."""

    deltas: int
    rate: float  # deltas a second; 0: all at once
    first: float = 0.0  # seconds until the model begins

    @property
    def seconds(self) -> float:
        return self.first + (self.deltas / self.rate if self.rate else 0.0)


@dataclass
class Station:
    """One or more cores; with `servers` of them, each turn keeps to one."""

    environment: simpy.Environment
    cores: int
    servers: int = 1
    weight: float = 1.0  # of everything that is to do here
    rest: float = 0.0  # of it all, what goes on while nothing is asked
    host: "Station | None" = None  # whose cores these are, where others use them too
    busy: float = 0.0  # core-seconds

    def __post_init__(self) -> None:
        self.places = [simpy.Resource(self.environment, self.cores) for _ in range(self.servers)]

    def use(self, seconds: float, server: int = 0) -> Step:
        with self.places[server % self.servers].request() as mine:
            yield mine
            if self.host is None:
                left = max(1 - self.rest, LEFT)
                yield self.environment.timeout(seconds * self.weight / left)
            else:
                yield from self.host.use(seconds)
            self.busy += seconds * self.weight

    def share(self, seconds: float) -> float:
        """How busy it was; above 1 where rest alone is more than it can do."""
        return self.rest + self.busy / (seconds * self.cores * self.servers)


@dataclass
class Limit:
    """A provider's requests a second: an admission each, spaced evenly, in the order of arrival."""

    environment: simpy.Environment
    rate: float  # a second; 0: no limit
    due: float = 0.0
    admitted: int = 0

    def pass_(self) -> Step:
        self.admitted += 1
        if not self.rate:
            return
        self.due = max(self.due, self.environment.now) + 1 / self.rate
        if (wait := self.due - 1 / self.rate - self.environment.now) > 0:
            yield self.environment.timeout(wait)


@dataclass
class Site:
    """The stations of one scenario, and what turns met there."""

    environment: simpy.Environment
    costs: Costs
    web: Station
    worker: Station
    postgresql: Station
    queue: Station  # Redis by its roles; some may be the same
    cache: Station
    live: Station
    others: Station
    slots: simpy.Resource
    limits: Sequence[Limit]
    begun: int = 0
    late: list[float] = field(default_factory=list)  # seconds that first words came too late
    ended: int = 0

    def turn(self, reply: Reply) -> Step:
        """One turn, from the click to its last event."""
        number, asked, costs = self.begun, self.environment.now, self.costs
        self.begun += 1
        yield from self.web.use(costs.web.turn, number)
        yield from self.postgresql.use(ACCEPT * costs.postgresql.turn)
        with self.slots.request() as slot:
            yield slot
            for station, part in ((self.queue, QUEUE), (self.cache, CACHE), (self.live, LIVE)):
                yield from station.use(part * costs.redis.turn, number)
            yield from self.postgresql.use(CLAIM * costs.postgresql.turn)
            yield from self.worker.use(costs.worker.turn, number)
            yield from self.limits[number % len(self.limits)].pass_()
            yield self.environment.timeout(reply.first)
            for segment in range(SEGMENTS):
                yield from self._segment(reply, number)
                if segment == 0:
                    early = reply.first + (reply.seconds - reply.first) / SEGMENTS
                    self.late.append(self.environment.now - asked - early)
            yield from self.postgresql.use(END * costs.postgresql.turn)
        self.ended += 1

    def _segment(self, reply: Reply, number: int) -> Step:
        deltas = reply.deltas / SEGMENTS
        yield self.environment.timeout(deltas / reply.rate if reply.rate else 0)
        for station, cost in self._saying:
            yield from station.use(deltas * cost.delta, number)

    @property
    def _saying(self) -> Sequence[tuple[Station, Cost]]:
        costs = self.costs
        yields = [(self.others, costs.others), (self.worker, costs.worker)]
        return [*yields, (self.live, costs.redis), (self.web, costs.web)]


@dataclass(frozen=True)
class Outcome:
    """What a scenario came to."""

    rate: float  # turns a second
    late_p50: float  # seconds from what the model alone would take to the first words
    late_p95: float
    shares: dict[str, float]  # how busy each station was


def run(
    make: Callable[[simpy.Environment], Site],
    drive: Callable[[Site], Step],
    *,
    seconds: float,
    warm: float = 0.0,
) -> Outcome:
    """Let it run; what happens while it warms up is not counted."""
    environment = simpy.Environment()
    site = make(environment)
    environment.process(drive(site))
    environment.run(until=warm or 1e-9)
    site.late.clear()
    ended = site.ended
    stations: dict[str, Station] = {name: getattr(site, name) for name in STATIONS}
    for station in stations.values():
        station.busy = 0.0
    environment.run(until=warm + seconds)
    cuts = quantiles(site.late, n=20) if len(site.late) > 1 else [float("nan")] * 19
    shares = {name: station.share(seconds) for name, station in stations.items()}
    return Outcome((site.ended - ended) / seconds, cuts[9], cuts[18], shares)


def clients(count: int, reply: Reply) -> Callable[[Site], Step]:
    """So many who ask again as soon as they are answered."""

    def drive(site: Site) -> Step:
        def client() -> Step:
            while True:
                yield from site.turn(reply)

        for _ in range(count):
            site.environment.process(client())
        yield site.environment.timeout(0)

    return drive


def arrivals(rate: float, reply: Reply, *, seed: int = 1) -> Callable[[Site], Step]:
    """So many new turns a second, by chance."""
    fate = random.Random(seed)

    def drive(site: Site) -> Step:
        while True:
            yield site.environment.timeout(fate.expovariate(rate))
            site.environment.process(site.turn(reply))

    return drive
