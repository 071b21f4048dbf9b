"""What is asked of a server at the same time goes there together, and fails alone or together."""

import asyncio
import os

import pytest
import pytest_asyncio
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.taps import Tap
from tests.waiting import GENEROUS, eventually
from workers.redis.pipelining import MOST, Pipelining

MANY = 3 * MOST


def client(url, *, timeout=GENEROUS):
    return redis.asyncio.Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=timeout, protocol=2
    )


@pytest.fixture
def tap(redis_client):
    with Tap(os.environ["REDIS_URL"]) as tap:
        yield tap


@pytest_asyncio.fixture
async def pipelining(tap):
    async with client(tap.url) as below:
        await below.ping()
        tap.clear()
        pipelining = Pipelining(below)
        yield pipelining
        await pipelining.aclose()


async def test_what_is_asked_at_once_takes_one_trip_and_one_connection(pipelining, tap):
    commands = [pipelining.execute("INCR", "count") for _ in range(MOST)]
    assert await asyncio.gather(*commands) == list(range(1, MOST + 1))
    assert (tap.round_trips, tap.connections) == (1, 1)


async def test_what_comes_while_a_trip_is_under_way_goes_with_the_next(pipelining, tap):
    first = asyncio.create_task(pipelining.execute("CLIENT", "PAUSE", "1"))
    await asyncio.to_thread(eventually, lambda: len(tap.asked) == 1)
    rest = [asyncio.create_task(pipelining.execute("INCR", "count")) for _ in range(10)]
    await first
    assert await asyncio.gather(*rest) == list(range(1, 11))
    assert tap.round_trips <= 2


async def test_more_than_fit_into_a_trip_keep_their_order(pipelining, tap):
    pushes = [pipelining.execute("RPUSH", "list", number) for number in range(MANY)]
    await asyncio.gather(*pushes)
    there = await pipelining.execute("LRANGE", "list", 0, -1)
    assert [int(number) for number in there] == list(range(MANY))
    assert tap.connections == 1


async def test_a_script_that_the_server_has_forgotten_is_sent_again(pipelining, tap):
    for _ in range(2):
        await pipelining.execute("SCRIPT", "FLUSH")
        runs = [pipelining.run("return KEYS[1] .. ARGV[1]", ["a"], [n]) for n in range(3)]
        assert await asyncio.gather(*runs) == [b"a0", b"a1", b"a2"]
    assert len(tap.named("EVALSHA")) == 6


async def test_a_command_that_is_wrong_fails_alone(pipelining):
    await pipelining.execute("SET", "text", "word")
    wrong, right = await asyncio.gather(
        pipelining.execute("INCR", "text"),
        pipelining.execute("INCR", "number"),
        return_exceptions=True,
    )
    assert isinstance(wrong, redis.ResponseError)
    assert right == 1


async def test_who_asks_for_what_cannot_be_sent_is_told(pipelining):
    await pipelining.execute("PING")
    async with asyncio.timeout(GENEROUS):
        errors = await asyncio.gather(
            pipelining.execute("ECHO", "half a pair: \ud800"),
            pipelining.execute("PING"),
            return_exceptions=True,
        )
    assert [type(error) for error in errors] == [UnicodeEncodeError] * 2
    assert await pipelining.execute("ECHO", "back") == b"back"


async def test_who_is_cancelled_holds_up_nobody(pipelining):
    given_up = asyncio.create_task(pipelining.execute("INCR", "count"))
    other = asyncio.create_task(pipelining.execute("PING"))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await other in (True, b"PONG")
    assert given_up.cancelled()


async def test_a_lost_connection_fails_those_who_wait_and_nobody_later(pipelining, tap):
    await pipelining.execute("PING")
    waiting = [asyncio.create_task(pipelining.execute("BLPOP", "none", 0)) for _ in range(3)]
    await asyncio.to_thread(eventually, lambda: len(tap.asked) == 4)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as other:
        other.client_kill_filter(_type="normal", skipme=True)
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [redis.ConnectionError] * 3
    assert len({id(error) for error in errors}) == 3  # each his own, with his own traceback
    assert await pipelining.execute("ECHO", "back") == b"back"


async def test_a_server_that_hangs_costs_its_timeout_once_however_many_wait():
    calls = []

    async def hang(reader, writer):
        calls.append(await reader.read(100_000))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(f"redis://127.0.0.1:{port}/0", timeout=1) as below:
            pipelining = Pipelining(below)
            commands = [pipelining.execute("PING") for _ in range(MANY)]
            errors = await asyncio.gather(*commands, return_exceptions=True)
    assert {type(error) for error in errors} == {redis.TimeoutError}
    assert len(calls) == 1


async def test_closing_leaves_nobody_waiting(pipelining):
    waiting = asyncio.create_task(pipelining.execute("BLPOP", "none", 0))
    await asyncio.sleep(0)
    await pipelining.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
