"""Turns a second and what they cost: the site, the same agent bare, and RQ's own workers."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks.people import Person, invite, leave
from benchmarks.stage import Stage
from benchmarks.table import Row, ratio

PROMPT = "[[stream deltas=20]]"
STOCK = 4  # forking workers; more of them only share the same cores
TITLE = "Turns of 20 deltas that come at once"
WEB, WORKER = "replica", ("worker", "stock")


@dataclass
class Load:
    """What so many seconds under load brought; CPU in seconds by kind of process."""

    turns: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        return self.turns / self.seconds

    def each(self, kind: str) -> float:
        """Milliseconds of CPU time a turn."""
        return 1000 * self.cpu[kind] / max(self.turns, 1)


async def measure(stage: Stage, *, clients: int, seconds: float) -> list[Row]:
    site = await under_load(stage, clients=clients, seconds=seconds)
    stage.stop("worker-1")
    bare = await asyncio.to_thread(run_bare, clients, seconds)
    stock = await with_stock_workers(stage, seconds=seconds)
    stage.worker()
    return [
        Row(
            f"turns a second, {clients} clients",
            f"{site.rate:.1f}",
            f"{bare.rate:.1f} bare",
            ratio(site.rate, bare.rate),
        ),
        Row(
            "",
            f"{site.rate:.1f}",
            f"{stock.rate:.1f} with {STOCK} stock RQ workers",
            ratio(site.rate, stock.rate),
        ),
        cost("worker", site.each("worker"), bare.each("worker"), "bare"),
        cost("worker", site.each("worker"), stock.each("worker"), "stock RQ"),
        *(cost(kind, site.each(kind)) for kind in ("web", "postgresql", "redis")),
    ]


def cost(kind: str, site: float, beside: float = 0.0, name: str = "") -> Row:
    other = f"{beside:.1f} ms {name}" if beside else ""
    return Row(f"CPU a turn, {kind}", f"{site:.1f} ms", other, ratio(site, beside))


async def under_load(stage: Stage, *, clients: int, seconds: float, warm: int = 2) -> Load:
    """Everybody asks, waits for the whole answer, and asks again."""
    people = await invite(stage, clients)
    for _ in range(warm):
        await asyncio.gather(*(person.ask(PROMPT) for person in people))
    begun, before = time.perf_counter(), used(stage)
    turns = await asyncio.gather(*(keep_asking(person, begun + seconds) for person in people))
    took = time.perf_counter() - begun
    cpu = {kind: now - before[kind] for kind, now in used(stage).items()}
    await leave(people)
    return Load(sum(turns), took, cpu)


async def keep_asking(person: Person, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        answer = await person.ask(PROMPT)
        assert answer.state == "response.completed", answer.state
        count += 1
    return count


def used(stage: Stage) -> dict[str, float]:
    """CPU seconds so far."""
    return {
        "web": stage.cpu(WEB),
        "worker": stage.cpu(*WORKER),
        "postgresql": stage.cpu("postgresql"),
        "redis": stage.cpu("redis"),
    }


def run_bare(clients: int, seconds: float) -> Load:
    """In a process of its own; it has only the agent's cost, which counts as the worker's."""
    options = ["--clients", str(clients), "--seconds", str(seconds)]
    command = [sys.executable, "-m", "benchmarks.bare", *options]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Load(result["turns"], result["seconds"], {"worker": result["cpu"]})


async def with_stock_workers(stage: Stage, *, seconds: float) -> Load:
    """A fork for each turn. More clients than these keep busy would only wait longer."""
    names = [f"stock-{number}" for number in range(1, STOCK + 1)]
    stage.stock_workers(STOCK)
    try:
        return await under_load(stage, clients=2 * STOCK, seconds=seconds, warm=0)
    finally:
        await asyncio.to_thread(stage.stop, *names)
