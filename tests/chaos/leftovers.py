"""What is left when all is quiet: no key that stays, no hint, no job, no lock."""

import asyncio
from collections.abc import Iterator
from typing import Any

from tests.chaos.arena import Arena

QUEUES = ("interactive", "default", "batch", "quarantine")
LOOKS, PAUSE = 120, 0.25  # a sweep's lock, a worker's last writing: what is there for a moment
HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
LIVE = "SELECT count(*) FROM workers_workerprocess WHERE lease > now()"
# What RQ itself keeps: its lists, sets and registries, and the rows of workers and their jobs.
KEPT = (b"rq:queue", b"rq:worker", b"rq:wip:", b"rq:finished:", b"rq:failed:", b"rq:canceled:")


async def leftovers(arena: Arena, *, looks: int = LOOKS) -> list[str]:
    """Look until nothing is left, or until whatever is left stays."""
    for _ in range(looks):
        if not (left := list(look(arena))):
            break
        await asyncio.sleep(PAUSE)
    return left


def look(arena: Arena) -> Iterator[str]:
    """Every key expires, no lock is held but by the workers that live."""
    with arena.redis_client() as client:
        yield from eternal(client)
        for queue in QUEUES:
            if waiting := client.llen(f"rq:queue:{queue}"):
                yield f"{waiting} hints are left in {queue}"
        for own in client.scan_iter("agentsite:own:*"):
            yield f"{client.llen(own)} hints are left in {own!r}"
    ((locks,),), ((workers,),) = arena.rows(HELD), arena.rows(LIVE)
    if locks > workers:
        yield f"{locks} advisory locks of {workers} workers"


def eternal(client: Any) -> Iterator[str]:
    """Keys without an end that are not RQ's own; of its jobs, those that nobody will come to."""
    known = set(jobs(client))
    for key in client.scan_iter():
        if client.ttl(key) != -1 or key.startswith(KEPT):
            continue
        if not key.startswith(b"rq:job:") or key.removeprefix(b"rq:job:") not in known:
            yield f"{key!r} never expires"


def jobs(client: Any) -> Iterator[bytes]:
    """The ids of all jobs that a queue or a registry knows."""
    for key in client.scan_iter("rq:*", _type="list"):
        yield from client.lrange(key, 0, -1)
    for key in client.scan_iter("rq:*", _type="zset"):
        for member in client.zrange(key, 0, -1):
            yield member.split(b":")[0]  # of a run: job and execution
