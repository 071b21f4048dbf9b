"""Runs on this machine: two to take the costs from, others to check the simulation by."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import simpy

from benchmarks.people import Person, invite, leave
from benchmarks.simulate.costs import WHERE, Cost, Costs
from benchmarks.simulate.model import Limit, Reply, Site, Station, clients, run
from benchmarks.stage import Stage
from benchmarks.table import Row, ratio

KINDS = {"web": "replica", "worker": "worker", "postgresql": "postgresql", "redis": "redis"}
SECONDS = 10  # of each run
SHORT, LONG = Reply(20, 0), Reply(200, 0)
# Clients and replies that the costs were not taken from.
CHECKS = [(4, SHORT), (64, SHORT), (16, Reply(60, 0)), (48, Reply(60, 30)), (8, Reply(400, 0))]


@dataclass
class Ran:
    """One run: turns a second, and seconds of CPU time a turn by place."""

    rate: float
    each: dict[str, float]


async def costs(stage: Stage) -> Costs:
    """From a run of short replies and one of long ones."""
    few, many = [await measured(stage, 32, reply) for reply in (SHORT, LONG)]
    return Costs(
        **{
            where: Cost.between((SHORT.deltas, few.each[where]), (LONG.deltas, many.each[where]))
            for where in WHERE
        }
    )


async def checks(stage: Stage, costs: Costs) -> list[Row]:
    """What was simulated beside what then was measured."""
    return [
        row(count, reply, costs, await measured(stage, count, reply)) for count, reply in CHECKS
    ]


def row(count: int, reply: Reply, costs: Costs, ran: Ran) -> Row:
    pace = f" at {reply.rate:.0f}/s" if reply.rate else ""
    simulated = predicted(costs, count, reply)
    return Row(
        f"{count} clients, {reply.deltas} deltas{pace}: turns a second",
        f"{simulated:.1f} simulated",
        f"{ran.rate:.1f} measured",
        ratio(simulated, ran.rate),
    )


def predicted(costs: Costs, count: int, reply: Reply) -> float:
    """Turns a second on this machine: everything shares its cores."""
    cores = os.cpu_count() or 1

    def make(environment: simpy.Environment) -> Site:
        machine = Station(environment, cores)
        return Site(
            environment,
            costs,
            web=machine,
            worker=machine,
            postgresql=machine,
            redis=machine,
            others=machine,
            slots=simpy.Resource(environment, 1000),
            limits=[Limit(environment, 0)],
        )

    return run(make, clients(count, reply), seconds=60, warm=10).rate


async def measured(stage: Stage, count: int, reply: Reply) -> Ran:
    """Everybody asks, waits for the whole answer, and asks again."""
    people = await invite(stage, count)
    prompt = f"[[stream deltas={reply.deltas} rate={reply.rate:.0f}]]"
    await asyncio.gather(*(person.ask(prompt) for person in people))
    before, begun = used(stage), time.perf_counter()
    turns = sum(await asyncio.gather(*(talk(one, prompt, begun + SECONDS) for one in people)))
    took, after = time.perf_counter() - begun, used(stage)
    await leave(people)
    return Ran(turns / took, {where: (after[where] - before[where]) / turns for where in WHERE})


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


def described(costs: Costs) -> Iterator[Row]:
    for where in WHERE:
        cost: Cost = getattr(costs, where)
        yield Row(where, f"{cost.turn * 1000:.1f} ms", f"{cost.delta * 1e6:.0f} µs a delta")


def beside(rows: Sequence[Row]) -> float:
    """How far off the simulation was at most."""
    return max(abs(float(row.ratio) - 1) for row in rows)
