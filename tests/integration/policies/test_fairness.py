"""A conversation with much to say holds nobody else up."""

import asyncio

import pytest
import pytest_asyncio
from django.db import connection

from conversations import turns
from conversations.models import Conversation, Turn
from conversations.protocol import user_message
from conversations.threads import in_thread
from tests.integration.policies.crew import Crew
from tests.waiting import GENEROUS

QUEUED = 15


async def say(conversation):
    items = [user_message("[[echo]] hello")]
    return (await in_thread(turns.accept, conversation.pk, conversation.owner_id, items)).turn


async def count(number, **turns):
    """Until there are so many such turns."""
    rows = Turn.objects.filter(**turns)
    async with asyncio.timeout(GENEROUS):
        while True:
            if await in_thread(rows.count) >= number:
                return
            await asyncio.sleep(0.005)


async def started_between(conversation, accepted, fetched):
    """How many turns began after the one moment and before the other."""
    between = Turn.objects.filter(
        conversation=conversation, started__gt=accepted, started__lt=fetched
    )
    return await in_thread(between.count)


def clock():
    """Of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


@pytest_asyncio.fixture
async def quiet(asked, clients, conversation):
    """Another conversation."""
    return await in_thread(Conversation.objects.create, owner=conversation.owner, agent="demo")


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("done", [0, 5], ids=["at once", "meanwhile"])
async def test_a_turn_waits_for_at_most_one_of_a_busy_conversation(
    quiet, conversation, worker_row, workers, done
):
    for _ in range(QUEUED):
        await say(conversation)
    async with Crew(worker_row, workers=workers) as crew:
        await count(done, state=Turn.State.COMPLETED)
        await say(quiet)
        accepted = await in_thread(clock)  # and its hint is in the queue
        await count(QUEUED + 1, state=Turn.State.COMPLETED)
    assert await started_between(conversation, accepted, crew.fetched[str(quiet.pk)]) <= 1


async def test_a_busy_conversation_has_one_hint_under_way(
    asked, clients, conversation, redis_client
):
    for _ in range(QUEUED):
        await say(conversation)
    assert redis_client.llen("rq:queue:default") == 1
