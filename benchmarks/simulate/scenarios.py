"""Fleets from 50 to 10,000 workers: what binds first, and what a change of it brings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

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
TURNS = 3_000  # simulated of each scenario
SIMULATED = 100  # workers; see `simulate`
TITLE = "Simulated fleets"


@dataclass(frozen=True)
class Fleet:
    """One scenario. Cores are as fast as those of the machine that was measured."""

    workers: int
    name: str = "one Redis, no pooler"
    slots: int = 60  # of a worker, for such replies
    database: int = 16  # cores of PostgreSQL
    live: int = 1  # servers of the role that carries events
    pooler: bool = False
    limit: float = 0.0  # requests a second that the provider grants
    models: int = 1  # each with a limit of its own

    @property
    def replicas(self) -> int:
        """Enough: they hold nothing, so they are never what binds."""
        return max(2, self.workers // 2)


def fleets(workers: int) -> Iterator[Fleet]:
    """What one changes, one thing after the other."""
    plain = Fleet(workers)
    yield plain
    pooled = replace(plain, name="pooler", pooler=True)
    yield pooled
    shards = max(2, workers // 25)
    sharded = replace(pooled, name=f"pooler, {shards} for events", live=shards)
    yield sharded
    cores = max(16, workers // 25)
    large = replace(sharded, name=f"{sharded.name}, {cores} database cores", database=cores)
    yield large
    limit = workers / 4  # requests a second
    yield replace(large, name=f"the same, {limit * 60:,.0f} requests/min granted", limit=limit)
    yield replace(large, name="the same limit for each of 4 models", limit=limit, models=4)


def simulate(fleet: Fleet, costs: Costs) -> Outcome:
    """A large fleet is simulated as a part of itself: of everything there is so much less."""
    part = max(1, fleet.workers // SIMULATED)
    rate = LOAD * fleet.workers / part / costs.worker.of(USUAL.deltas)
    seconds = max(2 * USUAL.seconds, TURNS / rate)
    outcome = run(
        maker(fleet, costs, part), arrivals(rate, USUAL), seconds=seconds, warm=1.5 * USUAL.seconds
    )
    return replace(outcome, rate=outcome.rate * part)


def maker(fleet: Fleet, costs: Costs, part: int) -> Callable[[simpy.Environment], Site]:
    def make(environment: simpy.Environment) -> Site:
        cores, heavy = less(fleet.database, part)
        live, heavier = less(fleet.live, part)
        return Site(
            environment,
            costs,
            web=Station(environment, 1, less(fleet.replicas, part)[0]),
            worker=Station(environment, 1, fleet.workers // part),
            postgresql=Station(environment, cores, weight=heavy),
            redis=Station(environment, 1, live, weight=heavier),
            others=Station(environment, 10**6),
            slots=simpy.Resource(environment, fleet.workers // part * fleet.slots),
            limits=[Limit(environment, fleet.limit / part) for _ in range(fleet.models)],
        )

    return make


def less(capacity: int, part: int) -> tuple[int, float]:
    """A part of it; what cannot be divided is given more to do instead."""
    left = max(1, capacity // part)
    return left, left * part / capacity


def binds(fleet: Fleet, outcome: Outcome) -> str:
    """What has to be changed next."""
    if not fleet.pooler and fleet.workers * EACH > CONNECTIONS:
        return f"connections: {fleet.workers * EACH:,} of {CONNECTIONS}"
    name, share = max(outcome.shares.items(), key=lambda pair: pair[1])
    if share > WIDE:
        return f"{name} ({share:.0%})"
    if outcome.late_p95 > LATE:
        return "the provider's limit"
    return f"nothing ({name} {share:.0%})"


def rows(costs: Costs, sizes: tuple[int, ...]) -> Iterator[Row]:
    for workers in sizes:
        for fleet in fleets(workers):
            outcome = simulate(fleet, costs)
            asked = LOAD * workers / costs.worker.of(USUAL.deltas)
            yield Row(
                f"{workers:,} workers, {fleet.name}",
                f"{outcome.rate:,.0f} of {asked:,.0f} turns/s",
                f"first words {outcome.late_p95 * 1000:,.0f} ms late (95 of 100)",
                binds(fleet, outcome),
            )
