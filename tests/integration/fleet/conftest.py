"""Pools to scale, and jobs that wait."""

from collections.abc import Callable, Iterator

import pytest

from tests.tasks import ALL
from workers import queues
from workers.pools import Pool, pool


@pytest.fixture
def waiting(redis_client) -> Iterator[Callable[[int], None]]:
    """Has so many jobs wait in the default queue."""
    queues.queue.cache_clear()

    def have(number: int) -> None:
        redis_client.delete("rq:queue:default")
        for _ in range(number):
            queues.enqueue("default", ALL[0])

    yield have
    queues.queue.cache_clear()


@pytest.fixture
def scaled(settings, direct) -> Pool:
    """One pool that grows above 10 waiting jobs a process and shrinks below 2, without rest."""
    rule = {"upper": 10, "lower": 2, "up_cooldown": 0, "down_cooldown": 0, "step": 2}
    told = {"queues": ["default"], "slots": 100, "minimum": 1, "maximum": 4, "scaling": rule}
    settings.POOLS = {"default": told}
    return pool("default")
