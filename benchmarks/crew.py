"""Many workers' connections in one process: presences that sweep, and turns claimed and ended.

`python -m benchmarks.crew --workers 50` says `ready`, then for each line `SKIP TURNS` on its
standard input lets every worker claim and end so many turns, and answers with a line of JSON.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import quantiles
from typing import Any
from uuid import UUID

import django
import psycopg

QUEUE = "default"
READY_WITHIN = 60  # seconds
# By number, for ids are given in order of time and a backlog is older.
WAITING = """
SELECT conversation_id FROM conversations_turn WHERE state = 'queued'
ORDER BY id DESC OFFSET %s LIMIT %s
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, required=True)
    workers = parser.parse_args().workers
    os.environ["DATABASE_POOL_SIZE"] = "0"  # a connection for each thread, as for each worker
    django.setup()
    from workers.fleet.presence import Presence  # noqa: PLC0415 - needs the settings

    crew = [Presence(QUEUE, name=f"crew-{os.getpid()}-{n}", slots=50) for n in range(workers)]
    for one in crew:
        one.start()
    assert all(one.wait(READY_WITHIN) for one in crew)
    say("ready")
    with ThreadPoolExecutor(workers) as threads:
        for line in sys.stdin:
            skip, turns = map(int, line.split())
            say(json.dumps(work(crew, threads, skip, turns)))
    for one in crew:
        one.stop()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def work(crew: list, threads: ThreadPoolExecutor, skip: int, turns: int) -> dict[str, float]:
    """Milliseconds that a claim and an end take, statements a turn, turns a second of all this."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        found = iter([row[0] for row in connection.execute(WAITING, [skip, turns * len(crew)])])
    shares = [list(islice(found, turns)) for _ in crew]
    begun = time.perf_counter()
    times = [each for done in threads.map(answer, crew, shares) for each in done]
    took = time.perf_counter() - begun
    claims, ends, statements = (sorted(column) for column in zip(*times, strict=True))
    return {
        "claim_p50": quantiles(claims, n=100)[49] * 1000,
        "claim_p95": quantiles(claims, n=100)[94] * 1000,
        "end_p50": quantiles(ends, n=100)[49] * 1000,
        "statements": sum(statements) / len(times),
        "rate": len(times) / took,
    }


def answer(one: Any, conversations: list[UUID]) -> list[tuple[float, float, int]]:
    """Claim and end a turn of each, as a worker does but for the model."""
    from django.db import connection  # noqa: PLC0415 - needs the settings

    asked = Asked()
    with connection.execute_wrapper(asked):
        return list(answered(one, conversations, asked))


class Asked:
    """Counts the statements of one connection."""

    count = 0

    def __call__(self, execute: Any, *statement: Any) -> Any:
        self.count += 1
        return execute(*statement)


def answered(one: Any, conversations: list[UUID], asked: Asked) -> Iterator[tuple]:
    from conversations import turns  # noqa: PLC0415 - needs the settings

    for conversation in conversations:
        before = asked.count
        begun = time.perf_counter()
        claim = turns.claim(conversation, one.id, pool=QUEUE)
        claimed = time.perf_counter()
        assert claim is not None
        turns.end(claim.turn_id, turns.Outcome(state="completed"), token=claim.token)
        yield claimed - begun, time.perf_counter() - claimed, asked.count - before


if __name__ == "__main__":
    main()
