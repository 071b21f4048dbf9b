"""What providers cache: each request begins with the bytes of the one before, but at rare cuts."""

import itertools
import json

import pytest

from conversations.models import Conversation
from conversations.threads import in_thread
from workers.redis import connections

WINDOW, KEEP = 10, 4
TURNS = 14


@pytest.fixture(autouse=True)
def windowed(settings):
    settings.AGENTS["demo"] |= {"window": WINDOW, "keep": KEEP}


def sent(provider):
    """The messages of each request, in the order and form in which they were sent."""
    return [[json.dumps(m) for m in call["body"]["messages"]] for call in provider.calls]


def continues(after, before):
    return after[: len(before)] == before


async def test_the_window_is_cut_seldom_and_at_a_prompt(talk, provider):
    for number in range(TURNS):
        await talk.hear(f"number {number} [[{'tools look' if number % 3 == 0 else 'stream'}]]")
    requests = sent(provider)
    cuts = [after for before, after in itertools.pairwise(requests) if not continues(after, before)]
    messages = await in_thread(lambda: Conversation.objects.get().next_message)
    assert 0 < len(cuts) <= messages / (WINDOW - KEEP)
    assert all(json.loads(cut[1])["role"] == "user" for cut in cuts)
    assert all(len(request) <= WINDOW + 3 for request in requests)


async def test_every_worker_sends_the_same_bytes(talk, provider, redis_client):
    """From the hot copy, and from rows when that is gone."""
    for number in range(5):
        await talk.hear(f"number {number} [[tools look]]")
    *_, warm = sent(provider)
    await in_thread(connections.cache().flushall)
    await talk.hear("again [[stream]]")
    assert continues(sent(provider)[-1], warm)
