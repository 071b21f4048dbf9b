"""Ten thousand slots over a few real processes, empty and full, and stock RQ workers beside.

What a turn asks of PostgreSQL and Redis is counted at the servers, less what goes on anyway. The
slots are filled by turns whose model has said one word and then says nothing.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass

from benchmarks import fleet
from benchmarks.distribution import talk
from benchmarks.people import invite, leave
from benchmarks.stage import Stage
from benchmarks.table import Row
from benchmarks.throughput import STOCK

SLOTS, PROCESSES = 10_000, 10  # a thousand each: so many connections the SDK's client opens at most
ARRIVALS = 25  # new turns a second, so that beginning them does not stop everything else
PEOPLE, TURNS = 8, 5  # those who ask meanwhile, and how often
FORKS = 2  # turns that each stock worker is asked for, which takes it seconds
HELD = "[[hold after=1]]"
PATIENCE = "7200"  # seconds that a model may say nothing
RUNNING = "SELECT count(*) FROM conversations_turn WHERE state = 'running'"
STALLED = 60  # seconds without a new one
TITLE = "A turn beside thousands in flight"

Work = dict[str, float]  # CPU in seconds


@dataclass(frozen=True)
class Full:
    """All slots but those of the people who ask."""

    turns: int
    seconds: float  # until all of them ran
    memory: float  # bytes of the workers a turn


async def measure(stage: Stage, *, slots: int = SLOTS, processes: int = PROCESSES) -> list[Row]:
    names = [f"worker-{number}" for number in range(1, processes + 1)]
    pool = {"slots": slots // processes, "reserved": {"interactive": 0, "default": 0}}
    stage.workers(processes, POOLS=json.dumps({"default": pool}), AGENT_TIMEOUT=PATIENCE)
    empty = await of_turns(stage)
    full = await asyncio.to_thread(fill, stage, slots - PEOPLE)
    crowded = await of_turns(stage)
    await asyncio.to_thread(stage.stop, *names)
    stage.run(fleet.CLEAR)
    stage.forget()  # stock workers would fork for each hint of what was handed back
    stock = await with_stock_workers(stage)
    stage.worker()
    return list(described(empty, crowded, stock, full, processes))


async def of_turns(
    stage: Stage, *, people: int = PEOPLE, turns: int = TURNS, warm: int = 1
) -> Work:
    """Of one turn on the average."""
    asking = await invite(stage, people)
    await talk(asking, warm)
    idle, rest = await during(stage, asyncio.sleep(fleet.REST))
    busy, took = await during(stage, talk(asking, turns))
    await leave(asking)
    return {what: (busy[what] - idle[what] * took / rest) / (people * turns) for what in busy}


async def during(stage: Stage, deed: Awaitable[None]) -> tuple[Work, float]:
    """What was done meanwhile, and the seconds that it took."""
    before, begun = done(stage), time.perf_counter()
    await deed
    took, after = time.perf_counter() - begun, done(stage)
    return {what: after[what] - before[what] for what in after}, took


def done(stage: Stage) -> Work:
    """So far."""
    cpu = {kind: stage.cpu(kind) for kind in ("postgresql", "redis")}
    worker = stage.cpu("worker", "stock")
    counts = {"transactions": fleet.transactions(stage), "commands": stage.commands()}
    return {**counts, **cpu, "worker": worker}


def fill(stage: Stage, turns: int) -> Full:
    """Begin so many, and wait until all of them run, or no more of them do."""
    from benchmarks.asking import begin  # noqa: PLC0415 - needs the settings

    before, begun = stage.memory("worker"), time.monotonic()
    begin(turns, HELD, rate=ARRIVALS)
    running, last = 0, time.monotonic()
    while running < turns and time.monotonic() - last < STALLED:
        time.sleep(0.2)
        if (now := stage.rows(RUNNING)[0][0]) > running:
            running, last = now, time.monotonic()
    return Full(running, last - begun, (stage.memory("worker") - before) / max(running, 1))


async def with_stock_workers(stage: Stage) -> Work:
    """A fork for each turn."""
    stage.stock_workers(STOCK)
    try:
        return await of_turns(stage, people=STOCK, turns=FORKS, warm=0)
    finally:
        names = [f"stock-{number}" for number in range(1, STOCK + 1)]
        await asyncio.to_thread(stage.stop, *names)


def described(empty: Work, crowded: Work, stock: Work, full: Full, processes: int) -> Iterator[Row]:
    yield Row(
        f"{full.turns:,} in flight in {processes} processes",
        f"{full.memory / 1024:.0f} KB a turn",
        f"the last ran after {full.seconds:.0f} s",
    )
    yield of_work("a turn, nothing else", empty)
    yield of_work(f"a turn, {full.turns:,} others in flight", crowded)
    yield of_work(f"a turn, {STOCK} stock RQ workers", stock)


def of_work(name: str, work: Work) -> Row:
    spent = [f"{1000 * work[kind]:.1f} ms {kind}" for kind in ("postgresql", "redis", "worker")]
    counted = f"{work['transactions']:.1f} transactions, {work['commands']:.0f} Redis commands"
    return Row(name, counted, ", ".join(spent))
