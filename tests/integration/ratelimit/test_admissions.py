"""One process's side of a budget, on a real Redis."""

import asyncio
import contextlib

import pytest

from tests.integration.redis_server import RedisServer
from tests.waiting import GENEROUS
from workers import ratelimit
from workers.ratelimit import Caller, Outcome, Reason, Refused
from workers.ratelimit.admissions import Admissions
from workers.ratelimit.terms import Terms

pytestmark = pytest.mark.usefixtures("clients")
ADA = Caller(owner="ada")
STATE = "agentsite:{limit:test/model}:state"
PATIENCE = 30  # seconds that a request would wait; who is told of more is refused at once


def process(**terms) -> Admissions:
    return Admissions("test/model", Terms(**terms))


async def admitted(budget, *, tokens=0, caller=ADA, patience=PATIENCE):
    return await budget.admit(tokens, caller=caller, patience=patience)


async def settled(budget) -> None:
    """Until all is said."""
    async with asyncio.timeout(GENEROUS):
        await budget._talk


def in_line(redis_client) -> int:
    return redis_client.zcard("agentsite:{limit:test/model}:line")


async def until(condition) -> None:
    """Until the condition holds, which a thread looks up."""
    async with asyncio.timeout(GENEROUS):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - in Redis
            await asyncio.sleep(0.01)


async def test_a_request_that_need_not_wait_costs_two_scripts():
    budget = process(requests_per_minute=600)
    budget.settle(await admitted(budget), tokens=10, outcome=Outcome.OK)
    await settled(budget)
    assert budget.scripts == 2


async def test_many_that_wait_cost_little_more_than_one_each():
    budget = process(requests_per_minute=6_000, burst=0.02)
    for grant in await asyncio.gather(*(admitted(budget) for _ in range(50))):
        budget.settle(grant)
    await settled(budget)
    assert budget.scripts <= 1.5 * 50


async def test_two_processes_share_one_limit():
    one, other = (
        process(requests_per_minute=1, burst=120),
        process(requests_per_minute=1, burst=120),
    )
    await admitted(one)
    await admitted(other)
    with pytest.raises(Refused) as refused:
        await admitted(one)
    assert refused.value.reason is Reason.BUSY
    assert PATIENCE < refused.value.seconds <= 60


async def test_a_wait_is_told_with_its_reason_and_its_end():
    heard = []
    budget = process(requests_per_minute=40, burst=0)
    await admitted(budget)
    while not heard:  # where the machine stalled there was nothing to wait for
        await admitted(budget, caller=Caller("ada", told=heard.append))
    assert heard[0].reason is Reason.BUSY
    assert 1 < heard[0].seconds <= 1.5
    assert heard[-1] is None


async def test_a_short_wait_is_not_worth_a_word():
    heard = []
    budget = process(requests_per_minute=600, burst=0)
    await admitted(budget)
    await admitted(budget, caller=Caller("ada", told=heard.append))
    assert heard == []


async def test_one_that_is_cancelled_leaves_at_once_and_takes_nothing(redis_client):
    budget = process(requests_per_minute=1, burst=0)
    await admitted(budget)
    waiting = asyncio.create_task(admitted(budget, patience=GENEROUS))
    await until(lambda: in_line(redis_client) == 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await settled(budget)
    assert in_line(redis_client) == 0


async def test_a_pause_is_honoured_by_the_other_process():
    one, other = process(), process()
    one.settle(await admitted(one), pause=60)
    await settled(one)
    with pytest.raises(Refused) as refused:
        await admitted(other)
    assert refused.value.reason is Reason.PAUSED
    assert PATIENCE < refused.value.seconds <= 60


async def test_a_pause_may_be_lifted_by_hand(redis_client):
    budget = process()
    budget.settle(await admitted(budget), pause=3600)
    await settled(budget)
    redis_client.delete(STATE)
    await admitted(budget)


async def entered(budget, redis_client) -> asyncio.Task:
    """A request that stands in the line; where the machine stalled, its turn had come."""
    while True:
        waiting = asyncio.create_task(admitted(budget))
        await until(lambda asked=waiting: asked.done() or in_line(redis_client))
        if not waiting.done():
            return waiting


async def test_a_process_that_never_came_back_is_passed_over(redis_client):
    dead, budget = (
        process(requests_per_minute=240, burst=0),
        process(requests_per_minute=240, burst=0),
    )
    lost = await entered(dead, redis_client)
    dead._stop_timer()
    dead._talk.cancel()
    await admitted(budget)
    lost.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await lost


async def test_what_is_used_and_who_waits_can_be_seen(settings):
    settings.PROVIDER_LIMITS = {"test/*": {"requests_per_minute": 1, "burst": 120}}
    budget = ratelimit.admissions_to("test/model")
    assert ratelimit.admissions_to("other/model") is None
    for _ in range(2):
        budget.settle(await admitted(budget, tokens=50), tokens=100)
    waiting = asyncio.create_task(admitted(budget, patience=GENEROUS))
    await until(lambda: ratelimit.state()[0].waiting and ratelimit.state()[0].tokens_used > 150)
    [seen] = await asyncio.to_thread(ratelimit.state)
    waiting.cancel()
    assert (seen.name, seen.circuit, seen.waiting, seen.processes) == ("test/model", "closed", 1, 1)
    assert (round(seen.requests_used), seen.requests_per_minute) == (2, 1)


async def test_what_was_used_before_a_silence_is_not_seen(settings, redis_client):
    settings.PROVIDER_LIMITS = {"test/*": {}}
    budget = ratelimit.admissions_to("test/model")
    await admitted(budget)
    redis_client.hincrby(STATE, "minute", -2)
    await admitted(budget)
    [seen] = await asyncio.to_thread(ratelimit.state)
    assert 0 < seen.requests_used <= 1  # less where the minute has ended


async def test_a_book_is_kept_for_as_long_as_it_is_paused(redis_client):
    budget = process()
    budget.settle(await admitted(budget), pause=7_200)
    await settled(budget)
    assert redis_client.ttl(STATE) > 7_200


async def test_a_limit_that_is_lowered_counts_from_the_next_request_on(settings):
    for burst, reason in ((3600, ""), (60, Reason.BUSY)):
        settings.PROVIDER_LIMITS = {"test/*": {"requests_per_minute": 1, "burst": burst}}
        budget = ratelimit.admissions_to("test/model")
        if reason:
            with pytest.raises(Refused, match=reason):
                await admitted(budget)
        else:
            await asyncio.gather(*(admitted(budget) for _ in range(3)))


@pytest.fixture
def server(tmp_path, settings, site_timeouts):
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_CACHE_URL = server.url
    yield server
    server.stop()


async def test_without_redis_each_process_keeps_to_its_part_of_the_limit(server):
    one, other = (
        process(requests_per_minute=2, burst=120),
        process(requests_per_minute=2, burst=120),
    )
    for budget in (one, other):
        await admitted(budget)
    one.settle(await admitted(one))
    await settled(one)
    server.stop()
    for _ in range(2):  # half of the burst of four
        await admitted(one)
    with pytest.raises(Refused) as refused:
        await admitted(one)
    assert PATIENCE < refused.value.seconds <= 60  # half of the rate


async def test_what_waits_when_redis_is_lost_goes_on_and_comes_back_to_it(server, monkeypatch):
    monkeypatch.setattr("workers.ratelimit.either.RETRY", 0.1)
    budget = process(requests_per_minute=240, burst=0)
    waiting = [asyncio.create_task(admitted(budget)) for _ in range(6)]
    await waiting[0]
    server.stop()
    await waiting[2]
    server.start()
    async with asyncio.timeout(GENEROUS):
        await asyncio.gather(*waiting)
    assert budget._books.is_shared


async def test_a_redis_that_hung_keeps_no_place_for_who_went_on_without_it(server, monkeypatch):
    monkeypatch.setattr("workers.ratelimit.either.RETRY", 0.1)
    budget = process(requests_per_minute=240, burst=0)
    waiting = [asyncio.create_task(admitted(budget)) for _ in range(6)]
    await waiting[0]
    server.freeze()
    await waiting[2]
    waiting.pop().cancel()
    server.thaw()
    async with asyncio.timeout(GENEROUS):
        await asyncio.gather(*waiting, admitted(budget))
    await settled(budget)
    assert budget._books.is_shared
    with server.client() as client:
        assert in_line(client) == 0


async def test_an_emptied_redis_loses_no_place(redis_client):
    budget = process(requests_per_minute=240, burst=0)
    waiting = [asyncio.create_task(admitted(budget)) for _ in range(4)]
    await waiting[0]
    redis_client.flushdb()
    async with asyncio.timeout(GENEROUS):
        await asyncio.gather(*waiting)
