"""Redis may forget everything, or be gone: the turn goes on, and its log comes back whole."""

import asyncio
import uuid

import pytest

from conversations import streams
from conversations.emitter import Emitter
from conversations.errors import Fenced
from conversations.models import Turn
from conversations.threads import in_thread
from tests.waiting import GENEROUS


async def flushed(emitter):
    async with asyncio.timeout(GENEROUS):
        await emitter.flush()


async def test_an_emptied_redis_gets_everything_again(writer, redis_client, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        emitter.text(item, "before ")
        await flushed(emitter)
        redis_client.flushall()
        emitter.text(item, "after")
        await flushed(emitter)
    assert await logged() == emitter.entries[2:]


async def test_a_restarted_redis_gets_everything_again(writer, own_redis, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        emitter.text(item, "before ")
        await flushed(emitter)
        own_redis.stop()
        emitter.text(item, "meanwhile ")
        own_redis.start()
        emitter.text(item, "after")
        await flushed(emitter)
    assert await logged() == emitter.entries[2:]
    assert "".join(entry.data or "" for entry in await logged()) == "before meanwhile after"


async def test_a_turn_begins_without_redis(writer, own_redis, logged):
    own_redis.stop()
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        emitter.text(item, "alone")
        own_redis.start()
        await flushed(emitter)
    assert [entry.number for entry in await logged()] == [3, 5]


async def test_a_log_from_an_older_run_is_replaced(writer, redis_client, facts, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        emitter.text(item, "a")
        await flushed(emitter)
        redis_client.hset(f"agentsite:{{{facts.id.hex}}}:head", "run", "older")
        emitter.text(item, "b")
        await flushed(emitter)
    assert await logged() == emitter.entries[2:]


@pytest.mark.parametrize("change", [{"claim_token": uuid.uuid4()}, {"state": Turn.State.QUEUED}])
async def test_a_lost_log_is_not_restored_once_the_claim_is_lost(
    change, writer, running, redis_client
):
    async def haunt():
        async with Emitter(writer) as emitter:
            redis_client.flushall()
            await in_thread(Turn.objects.update, **change)
            emitter.text(emitter.open_message(), "ghost")

    with pytest.raises(Fenced):
        await haunt()
    assert await streams.read(running) is None


async def test_a_frame_whose_reply_was_lost_is_not_shown_twice(writer, logged):
    async with Emitter(writer) as emitter:
        item = emitter.open_message()
        await streams.append(writer, emitter.entries[2:])  # what the sender is about to send
        emitter.text(item, "once")
        await flushed(emitter)
    assert await logged() == emitter.entries[2:]
