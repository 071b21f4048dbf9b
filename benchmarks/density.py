"""How many turns one worker process keeps in flight, and what each takes of its memory."""

import asyncio
import json
import time
from collections.abc import Sequence
from statistics import quantiles
from uuid import UUID

from benchmarks.stage import Stage
from benchmarks.table import Row

PACE = 1.1  # a turn keeps pace when it streams at most this much longer than alone
FAST = 20  # chunks a second
STEP = 20  # turns
SETTLE = 4  # seconds
ARRIVALS = 8  # new turns a second: to begin and end one costs as much as forty of its chunks
TITLE = "Turns in flight in one worker process"


async def measure(stage: Stage, *, many: int, most: int) -> list[Row]:
    def both() -> list[Row]:
        pool = {"slots": max(many, most), "reserved": {"interactive": 0, "default": 0}}
        stage.worker(POOLS=json.dumps({"default": pool}))
        answered(stage, 5, rate=50, seconds=1)  # imports, connections
        rows = [*at_one_a_second(stage, many), at_twenty_a_second(stage, most)]
        stage.worker()
        return rows

    return await asyncio.to_thread(both)


def at_one_a_second(stage: Stage, many: int) -> list[Row]:
    """Memory with all in flight, less the memory with none."""
    seconds = many // ARRIVALS + 4 * SETTLE
    before = stage.memory("worker")
    turns = ask(stage, many, rate=1, seconds=seconds)
    until(stage, turns, "state <> 'queued'")
    time.sleep(SETTLE)
    used, begun = stage.cpu("worker"), time.perf_counter()
    time.sleep(SETTLE)
    load = (stage.cpu("worker") - used) / (time.perf_counter() - begun)
    flying = stage.rows("SELECT count(*) FROM conversations_turn WHERE state = 'running'")[0][0]
    each = (stage.memory("worker") - before) / max(flying, 1)
    failed = ended(stage, turns)
    note = f"{failed} of {many} failed" if failed else ""
    return [
        Row(f"memory a turn, {flying} in flight at 1 chunk/s", f"{each / 1024:.0f} KB", note),
        Row(f"CPU of the worker meanwhile, {flying / load:.0f} turns a core", f"{load:.0%}"),
        Row(f"the slowest of 100 takes, of {seconds} s", f"{streamed(stage, turns):.1f} s"),
    ]


def at_twenty_a_second(stage: Stage, most: int) -> Row:
    """More and more at a time, until they take longer than one alone does."""
    alone = slowness(stage, 1)
    best, count = 0, STEP
    while count <= most and slowness(stage, count) <= PACE * alone:
        best, count = count, count + STEP
    note = f"{count} were too many" if count <= most else "more were not tried"
    return Row(f"that keep pace at {FAST} chunks/s", f"{best}", note)


def slowness(stage: Stage, count: int) -> float:
    """How much longer they stream than the provider means to, all at the same time for a while."""
    seconds = count // ARRIVALS + SETTLE
    return answered(stage, count, rate=FAST, seconds=seconds) / seconds


def answered(stage: Stage, count: int, *, rate: int, seconds: int) -> float:
    """Seconds that 95 of 100 turns stream at most."""
    turns = ask(stage, count, rate=rate, seconds=seconds)
    ended(stage, turns)
    return streamed(stage, turns)


def streamed(stage: Stage, turns: Sequence[UUID]) -> float:
    statement = """
        SELECT extract(epoch FROM finished - first_token)::float FROM conversations_turn
        WHERE id = ANY(%s)
    """
    times: list[float] = [row[0] for row in stage.rows(statement, list(turns))]
    return quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def ask(stage: Stage, count: int, *, rate: int, seconds: int) -> list[UUID]:
    """Begin so many conversations with a message each, without sockets."""
    from benchmarks.asking import begin  # noqa: PLC0415 - needs the settings

    return begin(count, f"[[stream deltas={rate * seconds} rate={rate}]]", rate=ARRIVALS)


def until(stage: Stage, turns: Sequence[UUID], condition: str) -> None:
    """Until it holds for all of them."""
    statement = f"SELECT count(*) FROM conversations_turn WHERE id = ANY(%s) AND ({condition})"
    while stage.rows(statement, list(turns))[0][0] < len(turns):
        time.sleep(0.2)


def ended(stage: Stage, turns: Sequence[UUID]) -> int:
    """Until all have ended; how many of them failed, as on a machine that is too busy."""
    until(stage, turns, "finished IS NOT NULL")
    failed = "SELECT count(*) FROM conversations_turn WHERE id = ANY(%s) AND state = 'failed'"
    return int(stage.rows(failed, list(turns))[0][0])
