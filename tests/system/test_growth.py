"""Nothing grows without bound: what is left in Redis, and the memory of processes.

By hand, a quarter of an hour: `TURNS=10000 python3 dev.py test -m slow -s -o faulthandler_timeout=3600
tests/system/test_growth.py`.
"""

import asyncio
import os
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis

from tests.system.account import Account
from tests.system.site import Site
from tests.waiting import eventually

pytestmark = pytest.mark.slow

TURNS = int(os.environ.get("TURNS", "600"))
TABS = 20
IN_ONE = 10  # turns of a conversation
LONGEST = 14 * 24 * 3600  # seconds
# RQ's lists of what it has, as long as the fleet is large.
STANDING = re.compile(r"rq:(workers(:\w+)?|queues|worker:.+|clean_registries:\w+)")
PROCESSES = ("worker-1", "worker-2", "replica-1", "replica-2")


async def talk(site: Site, account: Account, count: int) -> None:
    """So many turns, in ever new conversations of some tabs."""
    rounds, rest = divmod(count, TABS * IN_ONE)
    assert not rest
    for _ in range(rounds):
        async with AsyncExitStack() as stack:
            tabs = [account.tab(site.ports[n % 2], account.begin()) for n in range(TABS)]
            for tab in tabs:
                await stack.enter_async_context(tab)
            for _ in range(IN_ONE):
                await asyncio.gather(*(tab.answer("grow") for tab in tabs))


def lasting(client: redis.Redis) -> set[str]:
    """The keys that do not expire by themselves."""
    keys = [key.decode() for key in client.scan_iter(count=1000)]
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.ttl(key)
        lives = pipeline.execute()
    assert max(lives) <= LONGEST
    return {key for key, seconds in zip(keys, lives, strict=True) if seconds == -1}


def memory(site: Site, name: str) -> float:
    """MB that a process holds."""
    status = Path(f"/proc/{site.processes[name].pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def test_redis_and_memory_stay_flat(site: Site, account: Account):
    await talk(site, account, TABS * IN_ONE)  # what is made at first use is there
    before = {name: memory(site, name) for name in PROCESSES}
    with redis.Redis.from_url(site.redis.url) as client:
        found = lasting(client)  # other tests kill workers, who leave something behind
        await talk(site, account, TURNS - TABS * IN_ONE)
        after = {name: memory(site, name) for name in PROCESSES}
        await asyncio.to_thread(eventually, lambda: only_standing(lasting(client) - found))
        standing, keys = len(lasting(client)), client.dbsize()
    print(f"{TURNS} turns; keys that stay: {standing}, keys in all: {keys}")  # noqa: T201
    for name in PROCESSES:
        print(f"{name}: {before[name]:.0f} MB, then {after[name]:.0f} MB")  # noqa: T201
        assert after[name] < before[name] * 1.25 + 10, name


def only_standing(keys: set[str]) -> bool:
    """Jobs go a moment after their turns."""
    return all(STANDING.fullmatch(key) for key in keys)
