"""A cancel reaches the worker at once by a publish, or else at its next look."""

import asyncio
from functools import partial

import pytest
import pytest_asyncio

from conversations import hints, turns, watch
from conversations.models import ToolCall, Turn
from conversations.threads import in_thread
from tests.integration.runner.talking import output, seen
from tests.waiting import GENEROUS


@pytest_asyncio.fixture
async def listening(redis_client):
    """Until as many worker processes listen as are asked for."""

    async def listened(count=1):
        async with asyncio.timeout(GENEROUS):
            while True:
                [(_, listeners)] = await in_thread(redis_client.pubsub_numsub, hints.stops())
                if listeners == count:
                    return
                await asyncio.sleep(0.01)

    return listened


@pytest.fixture
def blind(monkeypatch):
    """No look comes by itself."""
    monkeypatch.setattr(watch, "INTERVAL", 3600)


async def test_a_publish_wakes_the_worker_before_its_next_look(talk, blind, listening):
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        await listening()
        await in_thread(turns.cancel, turn.pk)
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    assert await talk.texts(retracted=True) == ["word0 word1 word2 "]


async def test_a_publish_that_is_lost_costs_one_look(talk, monkeypatch):
    monkeypatch.setattr(hints, "stop", str)  # does nothing
    looks, look = [], turns.watch

    def looked(asked):
        looks.append(interrupt.reason)
        return look(asked)

    turn = await talk.say("[[hold after=3]]")
    async with talk.answering() as interrupt:
        await seen(turn, 3)
        monkeypatch.setattr(turns, "watch", looked)
        await in_thread(turns.cancel, turn.pk)
        looks.clear()
    assert looks.count(None) <= 1  # the others came while the turn was being stopped
    assert (await talk.row(turn)).state == Turn.State.CANCELLED


async def test_a_worker_that_lost_its_subscription_takes_it_up_again(
    talk, blind, listening, redis_client, monkeypatch
):
    monkeypatch.setattr(watch, "DEAF", 0.01)
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await listening()
        redis_client.client_kill_filter(_type="pubsub", skipme=True)
        await seen(turn, 3)
        await listening()
        await in_thread(turns.cancel, turn.pk)
    assert (await talk.row(turn)).state == Turn.State.CANCELLED


async def test_all_turns_of_a_process_share_one_subscription(talk, listening):
    for _ in range(3):
        await talk.hear("[[echo]] hello")
    await listening(1)


async def test_an_interrupt_is_published_when_it_is_committed(talk, blind, listening):
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        await listening()
        say = partial(turns.accept, talk.conversation.pk, talk.conversation.owner_id)
        await in_thread(say, [{"content": "[[echo]] two"}], policy="interrupt")
    assert (await talk.row(turn)).state == Turn.State.CANCELLED


async def test_a_call_in_flight_is_marked_unknown_at_the_publish(talk, blind, listening, asked):
    asked.gates["pay"] = asyncio.Event()
    turn = await talk.say("[[tool name=pay arguments={}]]")
    async with talk.answering():
        await asked.wait_for_effects(1)
        await listening()
        await in_thread(turns.cancel, turn.pk)
    assert (await in_thread(ToolCall.objects.get)).state == ToolCall.State.UNKNOWN
    assert "unknown" in output(await talk.shown(turn))[1]["output"]


async def test_a_second_cancel_and_one_after_the_end_answer_the_true_state(talk, listening):
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        states = [await in_thread(turns.cancel, turn.pk) for _ in range(2)]
    states += [await in_thread(turns.cancel, turn.pk, rollback=True)]
    assert set(states[:2]) <= {"running", "cancelled"}
    assert states[2] == "cancelled"
    assert await talk.version() == 2  # the input, the end


async def test_a_redis_that_is_away_does_not_hold_a_cancel_up(talk, settings, lingers):
    lingers(0.1)
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        settings.REDIS_LIVE_URL = "redis://127.0.0.1:1/0"
        assert await in_thread(turns.cancel, turn.pk) == "running"
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
