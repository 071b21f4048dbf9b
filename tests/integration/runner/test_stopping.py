"""A turn is stopped from outside, by whoever may."""

import asyncio
from functools import partial

import pytest
import pytest_asyncio

from conversations import turns
from conversations.models import ToolCall, Turn
from conversations.runner.calls import UNKNOWN
from conversations.threads import in_thread
from tests.counting import counted
from tests.integration.runner.talking import output, seen
from tests.waiting import GENEROUS, eventually
from workers import strays
from workers.interrupts import Reason
from workers.observing.metrics import REGISTRY


async def stopped(talk, turn, reason):
    async with talk.answering() as interrupt:
        await seen(turn, 3)
        interrupt.fire(reason)
    return await talk.row(turn)


async def test_a_cancel_in_the_rows_stops_it_and_keeps_what_was_seen(talk, provider):
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        assert await in_thread(turns.cancel, turn.pk) == Turn.State.RUNNING
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    assert await talk.texts(retracted=True) == ["word0 word1 word2 "]
    [item] = output(await talk.shown(turn))
    assert item["status"] == "incomplete"


async def test_a_rollback_takes_the_turn_from_the_transcript(talk, provider):
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        await in_thread(turns.cancel, turn.pk, rollback=True)
    assert (await talk.row(turn)).state == Turn.State.ROLLED_BACK
    assert await talk.messages(retracted=False) == []


async def test_a_stopped_job_cancels_its_turn(talk):
    turn = await stopped(talk, await talk.say("[[hold after=3]]"), Reason.STOPPED)
    assert turn.state == Turn.State.CANCELLED


async def test_a_job_that_takes_too_long_fails_its_turn(talk):
    turn = await stopped(talk, await talk.say("[[hold after=3]]"), Reason.TIMED_OUT)
    assert (turn.state, turn.error["code"]) == (Turn.State.FAILED, "expired")
    await talk.shown(turn)


async def test_a_worker_that_drains_hands_the_turn_back(talk, provider):
    with counted("agentsite_turns_handed_back_total", queue="default"):
        turn = await stopped(talk, await talk.say("[[hold after=3]]"), Reason.DRAINING)
    assert (turn.state, turn.crashes) == (Turn.State.QUEUED, 0)
    assert await talk.texts() == ["[[hold after=3]]"]
    async with talk.answering():
        await provider.wait_for_calls(2)
        provider.release()
    assert len(output(await talk.shown(turn))) == 2


async def test_what_is_anothers_by_now_is_not_handed_back(talk):
    turn = await talk.say("[[hold after=3]]")
    with counted("agentsite_turns_handed_back_total", by=0, queue="default"):
        async with talk.answering() as interrupt:
            await seen(turn, 3)
            await talk.die(turn)
            interrupt.fire(Reason.DRAINING)


async def test_a_worker_without_presence_writes_nothing(talk):
    turn = await stopped(talk, await talk.say("[[hold after=3]]"), Reason.ABANDONED)
    assert turn.state == Turn.State.RUNNING
    assert await talk.texts() == ["[[hold after=3]]"]


async def test_calls_that_a_stop_cuts_off_are_answered_as_unknown(talk, provider, asked):
    asked.gates["look"] = asyncio.Event()
    turn = await talk.say("[[tools pay look]]")
    async with talk.answering() as interrupt:
        await talk.ledger("pay", "done")
        interrupt.fire(Reason.STOPPED)
    states = await in_thread(lambda: dict(ToolCall.objects.values_list("tool", "state")))
    assert states == {"pay": "done", "look": "unknown"}
    outputs = [item for item in output(await talk.shown(turn)) if "output" in item]
    assert [("unknown" in item["output"]) for item in outputs] == [False, True]
    await talk.hear("[[echo]] and now?")
    assert [message["role"] for message in provider.calls[-1]["body"]["messages"]] == [
        *["system", "user", "assistant", "tool", "tool", "user"],
    ]


async def test_a_cancel_between_two_workers_answers_the_calls_that_the_first_left_open(
    talk, provider, asked
):
    asked.gates["pay"] = asyncio.Event()
    turn = await talk.say("[[tools pay look]]")
    async with talk.answering() as interrupt:
        await talk.ledger("look", "done")
        interrupt.fire(Reason.ABANDONED)
    await talk.die(turn)
    assert await in_thread(turns.cancel, turn.pk) == Turn.State.QUEUED  # for the next claim to do
    await talk.answer()
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    outputs = [item for item in output(await talk.shown(turn)) if "output" in item]
    assert [("unknown" in item["output"]) for item in outputs] == [True, False]
    await talk.hear("[[echo]] and now?")
    roles = [message["role"] for message in provider.calls[-1]["body"]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user"]


async def test_a_tool_that_will_not_be_interrupted_keeps_no_turn_running(talk, provider, asked):
    turn = await talk.say("[[tool name=insist arguments={}]]")
    async with talk.answering():
        await asked.wait_for_effects(1)
        after = await talk.say("[[echo]] and now?", policy="interrupt")
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    await talk.answer()
    assert (await talk.row(after)).state == Turn.State.COMPLETED
    assert len(provider.calls) == 2
    assert told(provider) == {"call_0": "done all the same"}


@pytest_asyncio.fixture
async def swallowing(asked, monkeypatch):
    """Calls of the tool `swallow`, which ends when the test does, that were left behind."""
    monkeypatch.setattr(strays, "GRACE", 0.01)
    gate = asked.gates["swallow"] = asyncio.Event()
    left = partial(REGISTRY.get_sample_value, "agentsite_tools_left", {"tool": "swallow"})
    before = left() or 0
    yield lambda: left() - before
    gate.set()
    await in_thread(eventually, lambda: left() == before)


@pytest.mark.parametrize(
    ("reason", "state"), [(Reason.STOPPED, "cancelled"), (Reason.TIMED_OUT, "failed")]
)
async def test_a_tool_that_swallows_every_cancel_is_left_behind(
    talk, asked, swallowing, reason, state
):
    turn = await talk.say("[[tool name=swallow arguments={}]]")
    async with talk.answering() as interrupt:
        await asked.wait_for_effects(1)
        interrupt.fire(reason)
    assert (await talk.row(turn)).state == state
    assert swallowing() == 1
    await talk.ledger("swallow", "unknown")
    await talk.shown(turn)


async def test_the_turn_goes_on_without_a_tool_that_swallows_its_time_limit(
    talk, provider, settings, swallowing
):
    settings.AGENTS["demo"]["tool_timeout"] = 0.01
    turn = await talk.hear("[[tool name=swallow arguments={}]]")
    assert turn.state == Turn.State.COMPLETED
    assert swallowing() == 1
    assert "No answer within 0.01 s" in told(provider)["call_0"]


async def test_a_stop_before_the_first_word_leaves_nothing_of_an_answer(talk, provider):
    turn = await talk.say("[[hold after=0]]")
    async with talk.answering() as interrupt:
        await provider.wait_for_calls(1)
        interrupt.fire(Reason.STOPPED)
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    assert output(await talk.shown(turn)) == []


async def test_a_stop_that_comes_with_the_claim_is_not_lost(talk, provider):
    turn = await talk.say("hello")
    async with talk.answering() as interrupt:
        await asyncio.sleep(0)  # the job begins
        interrupt.fire(Reason.STOPPED)
    await talk.answer()  # the hint that handing back gave
    assert (await talk.row(turn)).state == Turn.State.CANCELLED
    assert provider.calls == []


async def test_a_turn_that_crashed_too_often_ends_as_lost_with_what_was_seen(talk, provider):
    turn = await talk.say("[[hold after=3]]")
    await stopped(talk, turn, Reason.ABANDONED)
    await give_up(talk, turn)
    assert await talk.texts(retracted=True) == ["word0 word1 word2 "]


async def give_up(talk, turn):
    """It has lost so many workers that the next only ends it."""
    await in_thread(Turn.objects.filter(pk=turn.pk).update, crashes=5, state="queued")
    await talk.answer()
    turn = await talk.row(turn)
    assert (turn.state, turn.error["code"]) == (Turn.State.FAILED, "worker_lost")
    await talk.shown(turn)


async def test_the_model_is_told_what_the_calls_of_a_lost_turn_may_have_done(talk, provider, asked):
    asked.gates["pay"] = asyncio.Event()
    turn = await talk.say("[[tools pay look]]")
    async with talk.answering() as interrupt:
        await talk.ledger("look", "done")
        interrupt.fire(Reason.ABANDONED)
    await give_up(talk, turn)
    await talk.ledger("pay", "unknown")
    await talk.hear("[[echo]] and now?")
    assert told(provider) == {"call_0": UNKNOWN, "call_1": "seen"}


def told(provider):
    """What came of the calls, by their ids, as the model was told last."""
    sent = provider.calls[-1]["body"]["messages"]
    return {one["tool_call_id"]: one["content"] for one in sent if one["role"] == "tool"}


async def test_nobody_looks_while_nothing_runs(talk):
    await talk.hear("[[echo]] hello")
    looking = [task for task in asyncio.all_tasks() if task.get_name() == "watch"]
    async with asyncio.timeout(GENEROUS):
        await asyncio.gather(*looking)
