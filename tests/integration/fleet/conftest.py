"""Pools to scale, and jobs that wait."""

from collections.abc import Callable, Iterator

import pytest

from tests.tasks import ALL
from workers import queues
from workers.autoscaler.control import Autoscaler
from workers.launchers import NotScaled
from workers.pools import Pool, pool


class Counted:
    """A launcher whose processes are numbers."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.adopted: list[str] = []
        self.closed: list[str] = []
        self.refusal = ""
        self.faults: dict[str, str] = {}  # by pool, the deed that has one
        self.tended: list[str] = []

    def _fail(self, deed, pool):
        if self.faults.get(pool.name) == deed:
            raise OSError

    def adopt(self, pool):
        self._fail("adopt", pool)
        self.adopted.append(pool.name)
        self.sizes.setdefault(pool.name, 1)

    def size(self, pool):
        return self.sizes.get(pool.name, 1)

    def scale(self, pool, size):
        if self.refusal:
            raise NotScaled(self.refusal)
        self.sizes[pool.name] = size

    def tend(self, pool):
        self._fail("tend", pool)
        self.tended.append(pool.name)

    def close(self, pools):
        self.closed += pools


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


@pytest.fixture
def autoscaler(scaled):
    """Makes autoscalers that have a launcher in common."""
    launcher, made = Counted(), []

    def make(pool=scaled, **options) -> Autoscaler:
        made.append(Autoscaler([pool], launcher, **options))
        return made[-1]

    make.launcher = launcher
    yield make
    for one in made:
        one.close(leave_running=True)
