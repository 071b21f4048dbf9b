"""Results that workers share, on a real Redis."""

import asyncio
from functools import partial

import pytest
import pytest_asyncio

from tests.counting import counted, value
from tests.integration.redis_server import RedisServer
from tests.waiting import GENEROUS, eventually
from workers import results
from workers.redis import connections

LOOKED = "agentsite_cache_total"


@pytest_asyncio.fixture(autouse=True, params=["server", "cluster"])
async def clients(request, redis_client):
    if request.param == "cluster":
        request.getfixturevalue("cluster")
    yield
    await connections.close()


def once(name, compute, *, seconds=60, patience=GENEROUS):
    return results.once(
        name, compute, seconds=seconds, patience=patience, is_kept=lambda found: found["good"]
    )


class Work:
    """Something to compute; counts how often it was."""

    def __init__(self, **result):
        self.result = {"good": True, **result}
        self.times = 0
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self):
        self.times += 1
        self.begun.set()
        await self.gate.wait()
        return self.result

    def open(self):
        self.gate.set()
        return self


async def test_of_many_at_once_one_computes():
    work = Work(text="Grüße")
    before = looked()
    asked = [asyncio.create_task(once("a", work)) for _ in range(20)]
    await work.begun.wait()
    work.open()
    assert await asyncio.gather(*asked) == [work.result] * 20
    assert work.times == 1
    misses, used = (new - old for new, old in zip(looked(), before, strict=True))
    assert (misses, used) == (1, 19)


def looked():
    """How often a result was missing, and how often there was one, at once or after a while."""
    counts = {how: value(LOOKED, cache="tool", result=how) for how in ("miss", "hit", "waited")}
    return counts["miss"], counts["hit"] + counts["waited"]


async def test_another_name_is_another_result():
    work = Work().open()
    await once("a", work)
    await once("b", work)
    assert work.times == 2


async def test_a_result_lives_for_its_time():
    await once("a", Work().open(), seconds=3600)
    client = connections.shared()
    assert 3600 - GENEROUS < await client.ttl(results.keys("a")[0]) <= 3600
    assert not await client.exists(results.keys("a")[1])


async def test_what_is_not_worth_keeping_is_computed_again():
    work = Work(good=False).open()
    await once("a", work)
    await once("a", work)
    assert work.times == 2


async def test_what_is_too_large_is_not_kept():
    work = Work(text="x" * results.LONGEST).open()
    await once("a", work)
    await once("a", work)
    assert work.times == 2


async def test_who_fails_makes_room_for_the_next():
    async def fail():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await once("a", fail)
    assert await once("a", Work().open()) == {"good": True}


async def test_who_is_cancelled_makes_room_for_the_next(monkeypatch):
    monkeypatch.setattr(results, "LEASE", 9 * GENEROUS)
    work = Work()
    first = asyncio.create_task(once("a", work))
    await work.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(GENEROUS):
        await once("a", Work().open(), patience=9 * GENEROUS)


async def test_a_dead_computer_frees_the_others_when_its_lease_ends(monkeypatch):
    monkeypatch.setattr(results, "LEASE", 1)
    monkeypatch.setattr(results, "RENEWAL", 60)  # its process is frozen
    frozen, work = Work(), Work().open()
    first = asyncio.create_task(once("a", frozen))
    await frozen.begun.wait()
    async with asyncio.timeout(GENEROUS):
        await once("a", work)
    first.cancel()
    assert work.times == 1


async def test_a_lease_is_renewed_for_as_long_as_it_takes(monkeypatch):
    monkeypatch.setattr(results, "LEASE", GENEROUS)
    monkeypatch.setattr(results, "RENEWAL", 0.05)
    work, other = Work(), Work().open()
    first = asyncio.create_task(once("a", work))
    await work.begun.wait()
    client, lease = connections.transcripts(), results.keys("a")[1]
    assert client.expire(lease, GENEROUS // 2)
    await asyncio.to_thread(eventually, lambda: client.ttl(lease) > GENEROUS // 2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(once("a", other), 0.1)
    work.open()
    await first
    assert (await once("a", other), other.times) == (work.result, 0)


async def test_who_waits_too_long_computes_for_himself():
    slow, work = Work(), Work().open()
    first = asyncio.create_task(once("a", slow))
    await slow.begun.wait()
    await once("a", work, patience=0.1)
    first.cancel()
    assert work.times == 1


async def test_without_redis_everyone_computes(tmp_path, settings):
    server = RedisServer(tmp_path)
    settings.REDIS_CACHE_URL = server.url
    work = Work().open()
    with counted(LOOKED, by=2, cache="tool", result="error"):
        assert await once("a", work) == await once("a", work) == work.result
    assert work.times == 2


async def test_redis_may_be_lost_while_one_computes(tmp_path, settings):
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_CACHE_URL = server.url
    work = Work()
    computing = asyncio.create_task(partial(once, "a", work)())
    await work.begun.wait()
    server.stop()
    work.open()
    assert await computing == work.result
