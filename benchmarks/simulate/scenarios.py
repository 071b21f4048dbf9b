"""Fleets from 50 to 10,000 workers: what binds first, and what a change of it brings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil

import simpy

from benchmarks.simulate.costs import Costs
from benchmarks.simulate.model import Limit, Outcome, Reply, Site, Station, arrivals, run
from benchmarks.table import Row

USUAL = Reply(deltas=400, rate=50, first=0.6)  # half a page
LOAD = 0.7  # of what the workers' cores can do
WIDE = 0.9  # busier than this counts as bound
LATE = 2.0  # seconds
CONNECTIONS = 500  # that PostgreSQL is set to
EACH = 3  # connections of a worker: presence, and two of its pool on average
POOLED = 100  # connections of a pooler to PostgreSQL
CELL = 200  # workers
SHARE = 20  # workers to a server for events, in such a fleet
TURNS = 3_000  # simulated of each scenario
SIMULATED = 100  # workers; see `simulate`
ROLES = ("queue", "cache", "live")  # of Redis
TITLE = "Simulated fleets"


@dataclass(frozen=True)
class Fleet:
    """One scenario. Cores are as fast as those of the machine that was measured."""

    workers: int
    name: str = "one Redis, no pooler"
    slots: int = 60  # of a worker, for such replies
    database: int = 16  # cores of PostgreSQL
    live: int = (
        0  # Redis servers that carry events, besides one for each other role; 0: one for all
    )
    pooler: bool = False
    cells: int = 1  # whole sites, which share nothing
    limit: float = 0.0  # requests a second that the provider grants
    models: int = 1  # each with a limit of its own

    @property
    def replicas(self) -> int:
        """Enough: they hold nothing, so they are never what binds."""
        return max(2, self.workers // 2)

    @property
    def connections(self) -> int:
        """Of PostgreSQL. Presence is a lock of a session, so it goes around a pooler."""
        return POOLED + self.workers if self.pooler else EACH * self.workers

    @property
    def cell(self) -> "Fleet":
        """One of its cells."""
        workers, limit = self.workers // self.cells, self.limit / self.cells
        return replace(self, workers=workers, limit=limit, cells=1)


def fleets(workers: int) -> Iterator[Fleet]:
    """What one changes, one thing after the other."""
    plain = Fleet(workers)
    yield plain
    roles = replace(plain, name="a Redis for each role, no pooler", live=1)
    yield roles
    shards = ceil(workers / SHARE)
    best = replace(roles, name=f"{shards} for events, a pooler", live=shards, pooler=True)
    yield best
    if (count := ceil(workers / CELL)) > 1:
        shards = ceil(CELL / SHARE)
        name = f"{count} cells, each with {shards} for events and a pooler"
        best = replace(best, name=name, cells=count, live=shards)
        yield best
    limit = workers / 4  # requests a second
    yield replace(best, name=f"the same, {limit * 60:,.0f} requests/min granted", limit=limit)
    yield replace(best, name="the same limit for each of 4 models", limit=limit, models=4)


def simulate(fleet: Fleet, costs: Costs) -> Outcome:
    """A large fleet is simulated as a part of itself: of everything there is so much less.

    Of cells that share nothing one is simulated.
    """
    cell = fleet.cell
    part = max(1, cell.workers // SIMULATED)
    rate = asked(cell, costs) / part
    seconds = max(2 * USUAL.seconds, TURNS / rate)
    outcome = run(
        maker(cell, costs, part), arrivals(rate, USUAL), seconds=seconds, warm=1.5 * USUAL.seconds
    )
    return replace(outcome, rate=outcome.rate * part * fleet.cells)


def asked(fleet: Fleet, costs: Costs) -> float:
    """Turns a second."""
    return LOAD * fleet.workers / costs.worker.of(USUAL.deltas)


def maker(fleet: Fleet, costs: Costs, part: int) -> Callable[[simpy.Environment], Site]:
    def make(environment: simpy.Environment) -> Site:
        def station(cores: int, servers: int = 1, *, rest: float = 0.0) -> Station:
            """What cannot be divided is given more to do instead."""
            if servers > 1:
                left, heavier = less(servers, part)
                return Station(environment, cores, left, heavier)
            left, heavier = less(cores, part)
            return Station(environment, left, 1, heavier, rest * fleet.workers / cores)

        queue = station(1, rest=costs.rest.redis)
        return Site(
            environment,
            costs,
            web=station(1, fleet.replicas),
            worker=station(1, fleet.workers),
            postgresql=station(fleet.database, rest=costs.rest.postgresql),
            queue=queue,
            cache=station(1) if fleet.live else queue,
            live=station(1, fleet.live) if fleet.live else queue,
            others=Station(environment, 10**6),
            slots=simpy.Resource(environment, fleet.workers // part * fleet.slots),
            limits=[Limit(environment, fleet.limit / part) for _ in range(fleet.models)],
        )

    return make


def less(capacity: int, part: int) -> tuple[int, float]:
    """A part of it, and how much more that has to do for being less than the part."""
    left = max(1, capacity // part)
    return left, left * part / capacity


def binds(fleet: Fleet, outcome: Outcome) -> str:
    """What has to be changed next."""
    shares = {named(fleet, part): share for part, share in outcome.shares.items()}
    found = [f"{part} ({min(share, 1):.0%})" for part, share in shares.items() if share > WIDE]
    if (connections := fleet.cell.connections) > CONNECTIONS:
        found.append(f"{connections:,} connections of {CONNECTIONS}")
    if found:
        return ", ".join(found)
    if outcome.late_p95 > LATE:
        return "the provider's limit"
    part, share = max(shares.items(), key=lambda pair: pair[1])
    return f"nothing ({part} {share:.0%})"


def named(fleet: Fleet, part: str) -> str:
    if part not in ROLES:
        return part
    return f"Redis `{part}`" if fleet.live else "Redis"


def rows(costs: Costs, sizes: tuple[int, ...]) -> Iterator[Row]:
    for workers in sizes:
        for fleet in fleets(workers):
            outcome = simulate(fleet, costs)
            yield Row(
                f"{workers:,} workers, {fleet.name}",
                f"{outcome.rate:,.0f} of {asked(fleet, costs):,.0f} turns/s",
                f"first words {outcome.late_p95 * 1000:,.0f} ms late (95 of 100)",
                binds(fleet, outcome),
            )
