"""The layer outlives a restart of Redis, and a socket that lags costs little."""

import asyncio
import socket

import pytest
import pytest_asyncio
from redis.exceptions import RedisError

from conversations.sockets.layers import WAITING, BoundedPubSubLayer
from tests.integration.redis_server import RedisServer
from tests.waiting import GENEROUS


@pytest.fixture
def own_redis(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def layer(own_redis):
    made = BoundedPubSubLayer(hosts=[own_redis.url], prefix="tests")
    yield made
    await made.flush()


@pytest_asyncio.fixture
async def channel(layer):
    name = await layer.new_channel()
    await layer.group_add("group", name)
    return name


async def test_a_socket_that_lags_keeps_the_newest_messages(layer, channel):
    quick = await layer.new_channel()
    await layer.group_add("group", quick)
    for number in range(WAITING + 10):
        await layer.group_send("group", {"type": "count", "number": number})
        assert (await layer.receive(quick))["number"] == number
    kept = [(await layer.receive(channel))["number"] for _ in range(WAITING)]
    assert kept == list(range(10, WAITING + 10))


async def test_who_leaves_while_redis_is_away_leaves_nothing_behind(layer, channel, own_redis):
    own_redis.stop()
    with pytest.raises(RedisError):
        await layer.leave(channel, ["group", "other"])
    assert (layer.channels, layer.groups) == ({}, {})
    own_redis.start()


async def test_who_comes_while_redis_is_away_leaves_nothing_behind(layer, own_redis):
    own_redis.stop()
    with pytest.raises(RedisError):
        await layer.new_channel()
    assert layer.channels == {}
    own_redis.start()


async def test_whoever_joins_while_another_leaves_is_not_made_deaf(layer, channel):
    for group in ("first", "second"):
        await layer.group_add(group, channel)
    other = await layer.new_channel()
    leaving = asyncio.create_task(layer.leave(channel, ["first", "second"]))
    await asyncio.sleep(0)  # it has gone, and tells Redis
    await layer.group_add("second", other)
    await leaving
    await layer.group_send("second", {"type": "hello"})
    async with asyncio.timeout(GENEROUS):
        assert await layer.receive(other) == {"type": "hello"}


async def test_it_hears_again_after_redis_restarted(layer, channel, own_redis):
    own_redis.stop()
    own_redis.start()
    async with asyncio.timeout(GENEROUS):
        assert await heard(layer, channel) == {"type": "again"}


async def test_it_hears_again_after_redis_was_away_for_a_while(layer, channel, own_redis, caplog):
    own_redis.stop()
    async with asyncio.timeout(GENEROUS):
        while not caplog.records:  # noqa: ASYNC110 - until it tried in vain
            await asyncio.sleep(0.05)
        own_redis.start()
        assert await heard(layer, channel) == {"type": "again"}


async def heard(layer, channel):
    """What the channel gets in the end; until it is subscribed, messages go nowhere."""
    received = asyncio.create_task(layer.receive(channel))
    while not received.done():
        await layer.group_send("group", {"type": "again"})
        await asyncio.wait([received], timeout=0.05)
    return received.result()


async def test_a_server_that_is_gone_without_a_farewell_is_noticed(layer, channel):
    connection = layer._shards[0]._pubsub.connection
    opened = connection._writer.get_extra_info("socket")
    assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
    assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
