"""What a turn may cost Redis: counted on the wire, not timed."""

import os
import re
from statistics import median

import pytest
import pytest_asyncio
import redis.asyncio

from conversations.models import Conversation
from conversations.threads import in_thread

WORD = re.compile(rb"word\d+ ")


@pytest_asyncio.fixture
async def steady(counted, conversation, live):
    """All is warm, and the conversation's agent says 100 words a second from now on."""
    await counted()
    await in_thread(Conversation.objects.filter(pk=conversation.pk).update, agent="steady")
    live.clear()


@pytest.mark.usefixtures("steady")
async def test_a_frame_takes_one_round_trip_and_200_tokens_take_at_most_40(turn, live):
    frames = []
    while len(frames) <= 20:  # words that waited for a machine that stalled go together
        live.clear()
        await turn()
        frames = live.named("EVALSHA")
        assert len(frames) <= 40
        assert live.round_trips == len(frames) + len(live.named("EXPIRE")) - 1  # both in one


def with_six_words(frame):
    """How long it were with as many words as come in 60 ms, whoever kept them waiting."""
    return len(WORD.sub(b"", frame)) + 6 * len(b"word199 ")


@pytest.mark.usefixtures("steady")
async def test_a_frame_of_words_is_at_most_250_bytes_when_it_is_published(turn):
    async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as client:
        listener = client.pubsub()
        await listener.psubscribe("*")
        await turn()
        await client.publish("over", b"")
        frames = [each["data"] async for each in arrived(listener) if each["type"] == "pmessage"]
        await listener.aclose()
    assert max(map(with_six_words, frames[2:-2])) <= 250


async def arrived(listener):
    """All that was published before it was over."""
    async for message in listener.listen():
        if message["channel"] == b"over":
            return
        yield message


@pytest.mark.usefixtures("steady")
async def test_a_frame_of_words_is_at_most_250_bytes_on_its_way_to_redis(turn, live):
    """Script, keys and arguments; the wire's own framing puts about 60 bytes around them."""
    await turn()
    assert median(map(with_six_words, live.named("EVALSHA"))) <= 250
