"""The place of a store is away: its turns come back to it later, and those of others go on."""

import asyncio
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from structlog.testing import capture_logs

from conversations import recovery
from conversations.models import Conversation, Turn
from conversations.threads import in_thread
from conversations.turns import commits
from tests.integration.runner.talking import Talk, seen
from tests.waiting import GENEROUS, eventually
from workers import queues

MANY = 12  # more than there are threads


@pytest.fixture
def elsewhere(talk, own_redis, settings):
    """Begins a conversation in the redis store."""
    there = {**settings.AGENTS["demo"], "store": "redis"}
    settings.AGENTS = {**settings.AGENTS, "elsewhere": there}

    async def begun():
        owner = talk.conversation.owner_id
        made = await in_thread(Conversation.objects.create, owner_id=owner, agent="elsewhere")
        return Talk(made, talk.worker)

    return begun


async def take_hints() -> int:
    """How many there are; then none."""
    depth = await in_thread(queues.depth, "default")
    await in_thread(queues.queue("default").empty)
    return depth


def sweep_later() -> int:
    """How many hints a sweep gives when all were given a while ago."""
    Turn.objects.update(hinted_at=Now() - timedelta(seconds=recovery.HINT_AGE))
    return recovery.sweep().hinted


async def test_the_turns_of_another_store_are_answered_meanwhile(
    talk, elsewhere, own_redis, monkeypatch
):
    monkeypatch.setattr(commits, "PATIENCE", GENEROUS)
    others = [await elsewhere() for _ in range(MANY)]
    turns = [await other.say("[[echo]] hello") for other in others]
    own_redis.stop()
    jobs = [asyncio.create_task(other.answer()) for other in others]
    assert (await talk.hear("[[echo]] hello")).state == Turn.State.COMPLETED
    await asyncio.gather(*jobs)
    rows = [await talk.row(turn) for turn in turns]
    assert {(row.state, row.attempt) for row in rows} == {("queued", 0)}


async def test_what_cannot_be_claimed_comes_back_by_the_sweep(elsewhere, own_redis):
    one = await elsewhere()
    turn = await one.say("[[echo]] hello")
    await take_hints()
    own_redis.stop()
    await one.answer()
    assert await take_hints() == 0
    own_redis.start()
    assert await in_thread(sweep_later) == 1
    await one.answer()
    turn = await one.row(turn)
    assert (turn.state, turn.attempt) == (Turn.State.COMPLETED, 1)


async def test_a_turn_that_runs_comes_back_by_the_sweep_and_not_at_once(
    elsewhere, own_redis, provider, monkeypatch
):
    one = await elsewhere()
    turn = await one.say("[[hold after=1]]")
    await take_hints()
    monkeypatch.setattr(commits, "PATIENCE", 0)
    async with one.answering():
        await seen(turn)
        own_redis.freeze()
        provider.release()
    for attempt in (1, 2):  # the second finds it away before it has begun
        row = await one.row(turn)
        assert (row.state, row.attempt, row.crashes) == (Turn.State.QUEUED, attempt, 0)
        assert await take_hints() == 0
        assert await in_thread(sweep_later) == await take_hints() == 1
        if attempt == 1:
            await one.answer()
    own_redis.thaw()
    monkeypatch.undo()
    async with one.answering():
        await provider.wait_for_calls(2)
        provider.release()
    assert (await one.row(turn)).state == Turn.State.COMPLETED


async def test_a_reply_waits_for_its_place_and_is_paid_for_once(
    elsewhere, own_redis, provider, monkeypatch
):
    monkeypatch.setattr(commits, "PATIENCE", GENEROUS)
    one = await elsewhere()
    turn = await one.say("[[hold after=1]]")
    with capture_logs() as logs:
        async with one.answering():
            await seen(turn)
            own_redis.freeze()
            provider.release()
            await asyncio.to_thread(eventually, lambda: "store_away" in str(logs))
            own_redis.thaw()
    turn = await one.row(turn)
    assert (turn.state, turn.attempt, len(provider.calls)) == (Turn.State.COMPLETED, 1, 1)
