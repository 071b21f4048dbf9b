"""What a turn may cost Redis: counted on the wire, not timed.

A budget that is not met yet is a strict xfail that says why; a test beside it holds today's
figure. Who mends it hears of it, and who makes it worse too.
"""

import os
from statistics import median

import pytest
import pytest_asyncio
import redis.asyncio

from conversations.models import Conversation
from conversations.threads import in_thread


@pytest_asyncio.fixture
async def steady(counted, conversation, live):
    """All is warm, and the conversation's agent says 100 words a second from now on."""
    await counted()
    await in_thread(Conversation.objects.filter(pk=conversation.pk).update, agent="steady")
    live.clear()


@pytest.mark.usefixtures("steady")
async def test_a_frame_takes_one_round_trip_and_200_tokens_take_at_most_40(turn, live):
    await turn()
    frames = live.named("EVALSHA")
    assert 20 < len(frames) <= 40
    assert live.round_trips == len(frames) + len(live.named("EXPIRE")) - 1  # both in one


@pytest.mark.usefixtures("steady")
async def test_a_frame_of_words_is_at_most_250_bytes_when_it_is_published(turn):
    async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as client:
        listener = client.pubsub()
        await listener.psubscribe("*")
        await turn()
        frames = [each["data"] async for each in arrived(listener) if each["type"] == "pmessage"]
        await listener.aclose()
    assert max(len(frame) for frame in frames[2:-2]) <= 250


async def arrived(listener):
    while message := await listener.get_message(timeout=0.2):
        yield message


@pytest.mark.usefixtures("steady")
async def test_a_frame_of_words_is_at_most_250_bytes_on_its_way_to_redis(turn, live):
    """Script, keys and arguments; the wire's own framing puts about 60 bytes around them."""
    await turn()
    assert median(len(frame) for frame in live.named("EVALSHA")) <= 250
