"""What the scripts publish is what the channel layer itself would have sent."""

import asyncio

import pytest
import pytest_asyncio
from channels.layers import channel_layers, get_channel_layer

from conversations import streams
from conversations.traces import opening, pack, unpack
from tests.integration.streams.frames import opened_message, text
from tests.waiting import GENEROUS
from workers.redis import connections


@pytest_asyncio.fixture
async def tab(facts):
    """The next message that a socket of the conversation gets."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(streams.group(facts.conversation_id), channel)
    yield lambda: asyncio.wait_for(layer.receive(channel), GENEROUS)
    await layer.flush()
    channel_layers.backends.clear()


@pytest.fixture
def published(redis_client, facts):
    """The next bytes on the group's channel."""
    with redis_client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(f"agentsite__group__{streams.group(facts.conversation_id)}")
        pubsub.get_message(timeout=GENEROUS)
        yield lambda: pubsub.get_message(timeout=GENEROUS)["data"]


def message(writer, entries):
    return {
        "type": "turn.entries",
        "turn": writer.facts.id.hex,
        "token": writer.token.hex,
        "attempt": writer.attempt,
        "entries": pack(entries),
    }


async def test_the_layer_delivers_what_is_opened_and_appended(writer, tab):
    await streams.open_log(writer)
    await streams.append(writer, opened_message() + text(5))
    assert unpack((await tab())["entries"]) == opening(writer.facts)
    assert await tab() == message(writer, opened_message() + text(5))


async def test_the_layer_delivers_an_announcement(facts, tab):
    await streams.announce(facts.conversation_id, {"type": "turn.accepted", "turn": "1"})
    assert await tab() == {"type": "turn.accepted", "turn": "1"}


async def test_the_bytes_are_those_of_the_layer(writer, published):
    await streams.open_log(writer)
    published()
    await streams.append(writer, opened_message() + text(5))
    frame = message(writer, opened_message() + text(5))
    assert published() == get_channel_layer().serialize(frame)


async def test_a_successor_shows_itself_with_an_empty_frame(writer, successor, tab):
    await streams.open_log(writer)
    await streams.open_log(successor)
    await tab()
    assert await tab() == message(successor, [])


async def test_a_duplicate_is_not_published_again(writer, tab):
    await streams.open_log(writer)
    for frame in (opened_message(), opened_message(), text(5)):
        await streams.append(writer, frame)
    await tab()
    assert [(await tab())["entries"] for _ in range(2)] == [pack(opened_message()), pack(text(5))]


async def test_a_small_delta_takes_one_command_of_at_most_250_bytes(writer, live):
    await streams.open_log(writer)
    await streams.append(writer, opened_message())
    live.clear()
    await streams.append(writer, text(5, "token", offset=3000))
    assert (len(live.asked), live.round_trips) == (1, 1)
    assert live.bytes_sent <= 250


def test_what_a_thread_tells_first_after_a_restart_is_heard(own_redis, settings):
    settings.REDIS_LIVE_URL = own_redis.url
    connections.publish("channel", b"before")
    own_redis.stop()
    own_redis.start()
    with own_redis.client() as client, client.pubsub() as told:
        told.subscribe("channel")
        assert told.get_message(timeout=GENEROUS)["type"] == "subscribe"
        connections.publish("channel", b"after")
        assert told.get_message(timeout=GENEROUS)["data"] == b"after"
