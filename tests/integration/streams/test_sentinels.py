"""Sentinels say where the server of each role is, and where it is after it was killed."""

import asyncio
from contextlib import aclosing, suppress

import pytest
import redis
from channels.layers import get_channel_layer
from django.core.cache import cache

from conversations import streams
from tests.integration.streams.frames import opened_message
from tests.integration.watched import Watched
from tests.waiting import GENEROUS
from workers import queues
from workers.redis import connections, libraries

LOST = (redis.RedisError, OSError)


@pytest.fixture
def watched(request, tmp_path, settings, layer_on):
    """Every role is on the servers that one Sentinel watches."""
    found = Watched(tmp_path, secure=getattr(request, "param", False))
    found.start()
    for role in ("QUEUE", "CACHE", "LIVE", "STORE"):
        setattr(settings, f"REDIS_{role}_URL", found.url)
    told = settings.CACHES["default"] | libraries.for_cache(found.url, settings.CACHE_OPTIONS)
    settings.CACHES = {
        "default": told | {"OPTIONS": told["OPTIONS"] | {"IGNORE_EXCEPTIONS": False}}
    }
    layer_on([found.url])
    settings.RQ_QUEUES = settings.RQ_QUEUES | {found.name: libraries.for_queues(found.url)}
    yield found
    found.stop()


def use_queue(watched):
    """Enqueue and take it again."""
    job = queues.enqueue(watched.name, "conversations.tasks.answer", "1")
    assert queues.queue(watched.name).pop_job_id() == job


def use_cache(watched):
    cache.set("key", "value")
    assert cache.get("key") == "value"
    assert connections.cache().ping()


def use_store(watched):
    connections.transcripts().set("kept", "it")


def use_probes(watched):
    connections.ping(watched.url)


ROLES = [use_queue, use_cache, use_store, use_probes]


async def use_log(writer):
    """Write a turn's log, and hear of it on the group of its conversation."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(streams.group(writer.facts.conversation_id), channel)
    opened = await streams.open_log(writer)
    await streams.append(writer, opened_message(opened.next))
    heard = await asyncio.wait_for(layer.receive(channel), GENEROUS)
    assert heard["turn"] == writer.facts.id.hex
    await layer.flush()


async def hear(watched, received: asyncio.Queue):
    async with aclosing(connections.heard("channel")) as heard:
        async for data in heard:
            received.put_nowait(data)


async def tell(received: asyncio.Queue) -> bytes:
    """Publish until somebody hears it: they may not have subscribed yet."""
    while received.empty():
        await asyncio.to_thread(connections.publish, "channel", b"it")
        await asyncio.sleep(0.02)
    return received.get_nowait()


async def again(use, *args):
    """Use it as soon as there is a master."""
    async with asyncio.timeout(GENEROUS):
        while True:
            with suppress(*LOST):
                return await use(*args)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("watched", [False, True], ids=["plain", "TLS"], indirect=True)
async def test_every_role_reaches_the_master(watched, writer):
    for use in ROLES:
        await asyncio.to_thread(use, watched)
    await use_log(writer)
    assert all(tunnel.handshakes for tunnel in watched.tunnels.values())
    received: asyncio.Queue = asyncio.Queue()
    hearing = asyncio.create_task(hear(watched, received))
    assert await asyncio.wait_for(tell(received), GENEROUS) == b"it"
    hearing.cancel()
    with watched.master.client() as master:
        assert master.info("keyspace").keys() == {"db2"}


@pytest.mark.slow
async def test_the_layer_and_the_roles_find_the_new_master_by_themselves(
    watched, writer, successor
):
    for use in ROLES:
        await asyncio.to_thread(use, watched)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("group", channel)
    watched.lose_master()
    for use in ROLES:
        await again(asyncio.to_thread, use, watched)
    await again(use_sockets, layer, channel)
    await again(use_log, writer)
    with watched.replica.client() as replica:
        assert replica.info("replication")["role"] == "master"


async def use_sockets(layer, channel):
    """A socket that joined its group at the old master hears what is said at the new one."""
    receiving = asyncio.create_task(layer.receive(channel))
    while not receiving.done():
        await layer.group_send("group", {"type": "turn.accepted"})
        await asyncio.wait([receiving], timeout=0.1)
    assert (await receiving)["type"] == "turn.accepted"
