"""Runs on this machine: some to take the costs from, others to check the simulation by."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import simpy

from benchmarks import fleet
from benchmarks.people import Person, invite, leave
from benchmarks.processes import TICKS
from benchmarks.simulate.costs import WHERE, Check, Cost, Costs, Rest
from benchmarks.simulate.model import Limit, Reply, Site, Station, clients, run
from benchmarks.stage import Stage
from benchmarks.table import Row, ratio

KINDS = {"web": "replica", "worker": "worker", "postgresql": "postgresql", "redis": "redis"}
SECONDS = 10  # of each run
SHORT, LONG = Reply(20, 0), Reply(200, 0)
# Clients and replies that the costs were not taken from.
CHECKS = [(4, SHORT), (64, SHORT), (16, Reply(60, 0)), (48, Reply(60, 30)), (8, Reply(400, 0))]
RESTING = (1, 6)  # workers, for Redis
PRESENT = (10, 100)  # for PostgreSQL: presences only, from ten on each looks twice a second
REST = 20  # seconds, for CPU times come in hundredths
BUSY = slice(0, 3), slice(5, 8)  # of the machine's times: user, nice, system; irq, softirq, steal


@dataclass
class Ran:
    """One run: turns a second, seconds of CPU time a turn by place, and cores that it had."""

    rate: float
    each: dict[str, float]
    cores: float


def costs(stage: Stage) -> Costs:
    """From a run of short replies, one of long ones, and fleets at rest."""
    few, many = [asyncio.run(measured(stage, 32, reply)) for reply in (SHORT, LONG)]
    turns = {
        where: Cost.between((SHORT.deltas, few.each[where]), (LONG.deltas, many.each[where]))
        for where in WHERE
    }
    return Costs(rest=rest(stage), **turns)


def rest(stage: Stage) -> Rest:
    """What one worker more costs while nothing is asked."""
    redis, postgresql = [], []
    for count in RESTING:
        stage.workers(count)
        redis.append(share(stage, "redis"))
    stage.stop(*(f"worker-{number}" for number in range(1, max(RESTING) + 1)))
    for count in PRESENT:
        with fleet.crews(stage, count):
            postgresql.append(share(stage, "postgresql"))
    stage.worker()
    return Rest(each(postgresql, PRESENT), each(redis, RESTING))


def share(stage: Stage, kind: str) -> float:
    """Of a core, while nothing is asked."""
    time.sleep(fleet.REST)  # what starts is busier
    used, begun = stage.cpu(kind), time.perf_counter()
    time.sleep(REST)
    return (stage.cpu(kind) - used) / (time.perf_counter() - begun)


def each(shares: Sequence[float], counts: tuple[int, int]) -> float:
    few, many = shares
    return max(0.0, (many - few) / (counts[1] - counts[0]))


async def checks(stage: Stage) -> list[Check]:
    """What is then to be compared with the simulation."""
    found = []
    for count, reply in CHECKS:
        ran = await measured(stage, count, reply)
        found.append(Check(count, reply.deltas, reply.rate, ran.rate, ran.cores))
    return found


def compared(costs: Costs, found: Sequence[Check]) -> Iterator[Row]:
    """What is simulated beside what was measured."""
    for check in found:
        pace = f" at {check.pace:.0f}/s" if check.pace else ""
        simulated = predicted(costs, check)
        yield Row(
            f"{check.clients} clients, {check.deltas} deltas{pace}, {check.cores:.1f} cores",
            f"{simulated:.1f} turns/s simulated",
            f"{check.rate:.1f} measured",
            ratio(simulated, check.rate),
        )


def predicted(costs: Costs, check: Check) -> float:
    """Turns a second on one machine: each process has one core at most, of what is left of all."""

    def make(environment: simpy.Environment) -> Site:
        cores = max(1, round(check.cores))
        machine = Station(environment, cores, weight=cores / check.cores)
        web, worker, redis = (Station(environment, 1, host=machine) for _ in range(3))
        return Site(
            environment,
            costs,
            web=web,
            worker=worker,
            postgresql=machine,
            queue=redis,
            cache=redis,
            live=redis,
            others=machine,
            slots=simpy.Resource(environment, 1000),
            limits=[Limit(environment, 0)],
        )

    asking = clients(check.clients, Reply(check.deltas, check.pace))
    return run(make, asking, seconds=60, warm=10).rate


async def measured(stage: Stage, count: int, reply: Reply) -> Ran:
    """Everybody asks, waits for the whole answer, and asks again."""
    people = await invite(stage, count)
    prompt = f"[[stream deltas={reply.deltas} rate={reply.rate:.0f}]]"
    await asyncio.gather(*(person.ask(prompt) for person in people))
    before, machine, begun = used(stage), busy(), time.perf_counter()
    turns = sum(await asyncio.gather(*(talk(one, prompt, begun + SECONDS) for one in people)))
    took, after = time.perf_counter() - begun, used(stage)
    await leave(people)
    mine = {where: after[where] - before[where] for where in WHERE}
    foreign = max(0.0, busy() - machine - sum(mine.values())) / took
    cores = max(0.1, (os.cpu_count() or 1) - foreign)
    return Ran(turns / took, {where: used / turns for where, used in mine.items()}, cores)


async def talk(person: Person, prompt: str, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        await person.ask(prompt)
        count += 1
    return count


def used(stage: Stage) -> dict[str, float]:
    """Seconds of CPU time so far; the clients are this process."""
    found = {where: stage.cpu(kind) for where, kind in KINDS.items()}
    return found | {"others": stage.cpu("provider") + time.process_time()}


def busy() -> float:
    """Seconds of CPU time of the whole machine so far, whoever had them."""
    times = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(sum(times[part]) for part in BUSY) / TICKS


def described(costs: Costs) -> Iterator[Row]:
    for where in WHERE:
        cost: Cost = getattr(costs, where)
        yield Row(where, f"{cost.turn * 1000:.1f} ms", f"{cost.delta * 1e6:.0f} µs a delta")
    for where in ("postgresql", "redis"):
        resting = getattr(costs.rest, where)
        yield Row(f"{where}, for each worker at rest", f"{resting * 1000:.1f} ms a second")


def beside(rows: Sequence[Row]) -> float:
    """How far off the simulation was at most."""
    return max(abs(float(row.ratio) - 1) for row in rows)
