"""What a fleet asks of PostgreSQL and Redis by its size: presences, sweeps, claims, and ends.

Every worker here is real to PostgreSQL: a connection that holds a lock, a row, a lease, sweeps,
and a second connection that claims and ends turns, over a backlog or none. Only the model and RQ
are left out, whose cost a worker does not share with others: benchmarks.slots has it.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import close_old_connections
from django.utils import timezone

from benchmarks.crew import QUEUE
from benchmarks.stage import Stage
from benchmarks.table import Row

SIZES = (1, 10, 50, 200)
PROCESSES = 4  # at most, that share the workers
TURNS = 400  # of each size, however many workers share them
BACKLOG = 100_000
BATCH = 5_000
SETTLING = 5  # seconds until the first look of each session is over, and counted
REST = 4  # seconds of doing nothing
TITLE = "The fleet's work in PostgreSQL and Redis"

CLEAR = "TRUNCATE conversations_conversation CASCADE"
TRANSACTIONS = """
SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
"""


async def measure(
    stage: Stage, *, sizes: Sequence[int] = SIZES, backlog: int = BACKLOG
) -> list[Row]:
    return await asyncio.to_thread(lambda: list(of_sizes(stage, sizes, (0, backlog))))


def of_sizes(stage: Stage, sizes: Sequence[int], backlogs: Sequence[int]) -> Iterator[Row]:
    stage.stop("worker-1")
    for backlog in backlogs:
        stage.run(CLEAR)
        fill(backlog)
        stage.run("ANALYZE")
        for size in sizes:
            yield from of_size(stage, size, backlog)
    stage.run(CLEAR)
    stage.worker()


def of_size(stage: Stage, size: int, backlog: int) -> Iterator[Row]:
    name = f"{size} workers, {backlog} queued"
    with crews(stage, size) as started:
        busy, moves = resting(stage)
        yield Row(f"{name}: PostgreSQL at rest", f"{busy:.1%} of a core", f"{moves:.0f} tx/s")
        fill(turns_for(size))
        before, commands = stage.cpu("postgresql"), stage.commands()
        told = ask(started, turns_for(size) // size)
        each = 1000 * (stage.cpu("postgresql") - before) / turns_for(size)
        commands = stage.commands() - commands
    claim, late, end = (
        max(one[key] for one in told) for key in ("claim_p50", "claim_p95", "end_p50")
    )
    yield Row(f"{name}: claim, median", f"{claim:.1f} ms", f"95 of 100 in {late:.1f} ms")
    yield Row(f"{name}: end, median", f"{end:.1f} ms", f"{each:.1f} ms of PostgreSQL a turn")
    statements = sum(
        one["statements"] * crew.workers for one, crew in zip(told, started, strict=True)
    )
    yield Row(
        f"{name}: asked for a turn",
        f"{statements / size:.1f} SQL statements",
        f"{commands / turns_for(size):.1f} Redis commands, without RQ's",
    )


def fill(count: int, *, queue: str = QUEUE, text: str = "hello") -> None:
    """So many conversations with a queued turn each, whose hints are not lost for an hour."""
    from conversations import protocol  # noqa: PLC0415 - needs the settings
    from conversations.models import Conversation, Turn  # noqa: PLC0415

    owner, _ = get_user_model().objects.get_or_create(username="fleet")
    later = timezone.now() + timedelta(hours=1)
    items = [protocol.user_message(text)]
    for _ in range(0, count, BATCH):
        made = Conversation.objects.bulk_create(
            Conversation(owner=owner, agent="assistant", next_turn=1, open_turns=1)
            for _ in range(min(count, BATCH))
        )
        Turn.objects.bulk_create(
            Turn(conversation=one, owner=owner, number=0, pool=queue, input=items, hinted_at=later)
            for one in made
        )
    close_old_connections()


def turns_for(size: int) -> int:
    """Each worker has a few."""
    return max(TURNS, 5 * size)


def resting(stage: Stage) -> tuple[float, float]:
    """CPU of PostgreSQL as a share of a core, and transactions a second, while nothing is asked."""
    time.sleep(SETTLING)
    used, done, begun = stage.cpu("postgresql"), transactions(stage), time.perf_counter()
    time.sleep(REST)
    took = time.perf_counter() - begun
    return (stage.cpu("postgresql") - used) / took, (transactions(stage) - done) / took


def transactions(stage: Stage) -> int:
    return int(stage.rows(TRANSACTIONS)[0][0])


@dataclass
class Crew:
    """One process, and how many workers it plays."""

    workers: int
    process: subprocess.Popen[str]

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()


@contextmanager
def crews(stage: Stage, size: int) -> Iterator[list[Crew]]:
    """So many workers over a few processes, all present."""
    shares = [len(range(n, size, PROCESSES)) for n in range(min(size, PROCESSES))]
    started = [Crew(share, start(stage, share)) for share in shares]
    try:
        for one in started:
            assert one.hear() == "ready\n"
        yield started
    finally:
        for one in started:
            one.process.communicate(timeout=60)


def start(stage: Stage, workers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.crew", "--workers", str(workers)]
    environment = {**stage.environment, "LOG_LEVEL": "ERROR", "LOG_STREAM": "stderr"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)


def ask(started: Sequence[Crew], turns: int) -> list[dict[str, Any]]:
    """Let each of every process's workers claim and end so many, all at the same time."""
    skip = 0
    for one in started:
        one.say(f"{skip} {turns}\n")
        skip += turns * one.workers
    return [json.loads(one.hear()) for one in started]
