"""A worker dies; another goes on where the last commit was, and pays for nothing twice."""

import asyncio

import pytest
from pydantic_ai.messages import ModelResponse, TextPart

from conversations import streams, turns
from conversations.facts import TurnFacts
from conversations.models import Turn
from conversations.runner.steps import dumped
from conversations.stores import store_for
from conversations.stores.base import Fence, Key, NewMessage, Snapshot
from conversations.threads import in_thread
from tests.integration.runner.talking import output, seen
from workers.interrupts import Reason


async def killed(talk, turn, when):
    """A worker answers until `when` has come, and is gone without another write."""
    async with talk.answering() as interrupt:
        await when
        interrupt.fire(Reason.ABANDONED)
    assert (await talk.row(turn)).state == Turn.State.RUNNING
    await talk.die(turn)


async def test_a_death_while_it_streams_keeps_what_was_seen_and_asks_once_more(talk, provider):
    turn = await talk.say("[[hold after=3]]")
    await killed(talk, turn, seen(turn, 3))
    async with talk.answering():
        await provider.wait_for_calls(2)
        provider.release()
    assert (await talk.row(turn)).state == Turn.State.COMPLETED
    items = output(await talk.shown(turn))
    assert [item["status"] for item in items] == ["incomplete", "completed"]
    assert items[0]["content"][0]["text"] == "word0 word1 word2 "
    assert await talk.texts(retracted=True) == ["word0 word1 word2 "]
    assert len(provider.calls) == 2


async def test_what_a_dead_attempt_said_is_not_shown_to_the_model(talk, provider):
    turn = await talk.say("[[hold after=3]]")
    await killed(talk, turn, seen(turn, 3))
    async with talk.answering():
        await provider.wait_for_calls(2)
        provider.release()
    assert provider.calls[0]["body"]["messages"] == provider.calls[1]["body"]["messages"]


async def test_a_death_during_a_tool_pays_for_the_response_once(talk, provider, asked):
    asked.gates["look"] = asyncio.Event()
    turn = await talk.say("[[tool name=look arguments={}]]")
    await killed(talk, turn, asked.wait_for_effects(1))
    asked.gates.clear()
    await talk.answer()
    assert (await talk.row(turn)).state == Turn.State.COMPLETED
    assert len(provider.calls) == 2
    assert asked.effects == [("look", f"{turn.pk.hex}:1:call_0")] * 2  # idempotent: tried again
    await talk.shown(turn)


async def test_a_tool_whose_outcome_is_unknown_is_not_run_again(talk, provider, asked):
    asked.gates["pay"] = asyncio.Event()
    turn = await talk.say("[[tool name=pay arguments={}]]")
    await killed(talk, turn, asked.wait_for_effects(1))
    asked.gates.clear()
    await talk.answer()
    assert len(asked.effects) == 1
    assert "unknown" in provider.calls[1]["body"]["messages"][-1]["content"]
    assert (await talk.row(turn)).state == Turn.State.COMPLETED


async def test_a_tool_that_is_done_is_not_run_again(talk, provider, asked):
    asked.gates["look"] = asyncio.Event()
    turn = await talk.say("[[tools pay look]]")
    await killed(talk, turn, talk.ledger("pay", "done"))
    asked.gates.clear()
    await talk.answer()
    assert [tool for tool, _ in asked.effects].count("pay") == 1
    results = [message["content"] for message in provider.calls[1]["body"]["messages"][-2:]]
    assert sorted(results) == ["seen", '{"paid":1,"change":0}']


async def test_a_death_between_two_responses_repeats_neither_response_nor_tool(
    talk, provider, asked
):
    turn = await talk.say("[[tool name=pay arguments={} then=hold after=2]]")
    await killed(talk, turn, seen(turn, 2))
    async with talk.answering():
        await provider.wait_for_calls(3)
        provider.release()
    assert len(asked.effects) == 1
    assert [len(call["body"]["messages"]) for call in provider.calls] == [2, 4, 4]
    assert (await talk.row(turn)).usage["requests"] == 2
    types = [item["type"] for item in output(await talk.shown(turn))]
    assert types == ["function_call", "function_call_output", "message", "message"]


def reply(claim, entries, finish_reason=None):
    said = ModelResponse([TextPart("All is said.")], finish_reason=finish_reason)
    key = Key(claim.turn_id, claim.attempt, claim.next_step)
    return NewMessage(key, "response", dumped(said), trace=entries)


async def left_by_a_worker(talk, turn, trace=(), **how):
    """A worker committed its reply and died before the end, and before anybody saw the closing."""
    claim = await in_thread(turns.claim, talk.conversation.id, talk.worker.id, pool="default")
    facts = TurnFacts(turn.pk, talk.conversation.id, "demo", int(turn.created.timestamp()))
    await streams.open_log(streams.Writer(facts, claim.token, 1))
    snapshot = Snapshot(talk.conversation.id, claim.version)
    fence = Fence(claim.turn_id, claim.token)
    store = store_for("demo")
    await in_thread(turns.checkpoint, store, snapshot, [reply(claim, trace, **how)], fence=fence)
    await talk.die(turn)


async def test_a_finished_reply_is_not_asked_for_again(talk, provider):
    turn = await talk.say("hello")
    await left_by_a_worker(talk, turn)
    await talk.answer()
    assert provider.calls == []
    assert (await talk.row(turn)).state == Turn.State.COMPLETED
    assert await talk.texts() == ["hello", "All is said."]


async def test_a_reply_that_was_cut_off_is_incomplete_whoever_ends_it(talk, provider):
    turn = await talk.say("hello")
    await left_by_a_worker(talk, turn, finish_reason="length")
    await talk.answer()
    assert provider.calls == []
    assert (await talk.row(turn)).error["code"] == "max_output_tokens"


async def test_what_was_committed_and_never_shown_is_shown_with_its_numbers(talk, provider):
    turn = await talk.say("hello")
    await left_by_a_worker(talk, turn, trace=[[3, 2, 0, 0], [5, 3, 0, 12], [6, 4, 0, 0]])
    await talk.answer()
    shown = await talk.shown(turn)
    assert [entry.number for entry in shown] == [0, 2, 3, 5, 6, 9]
    assert output(shown)[0]["content"][0]["text"] == "All is said."


async def test_a_log_that_was_lost_with_its_worker_leaves_one_gap(talk, provider, redis_client):
    turn = await talk.say("[[hold after=3]]")
    await killed(talk, turn, seen(turn, 3))
    redis_client.flushdb()
    async with talk.answering():
        await provider.wait_for_calls(2)
        provider.release()
    shown = await talk.shown(turn)
    assert shown[2].number == 2 << 20
    assert len(output(shown)) == 1


async def test_a_redis_that_is_emptied_meanwhile_costs_nothing(talk, provider, redis_client):
    turn = await talk.say("[[hold after=3]]")
    async with talk.answering():
        await seen(turn, 3)
        redis_client.flushdb()
        provider.release()
    assert len(provider.calls) == 1
    assert output(await talk.shown(turn))[0]["content"][0]["text"].split() == [
        f"word{number}" for number in range(5)
    ]


async def test_a_worker_that_lost_its_turn_writes_nothing_more(talk, provider):
    turn = await talk.say("[[hold after=2]]")
    async with talk.answering():
        await seen(turn, 2)
        await talk.die(turn)  # it lives, but counts as dead
        before = await talk.messages()
        provider.release()
    assert await talk.messages() == before
    assert (await talk.row(turn)).state == Turn.State.QUEUED


async def test_a_buried_worker_claims_nothing(talk, provider):
    turn = await talk.say("hello")
    await in_thread(talk.worker.delete)
    talk.worker.id = turn.pk  # any id that no worker has
    await talk.answer()
    assert provider.calls == []
    assert (await talk.row(turn)).state == Turn.State.QUEUED


@pytest.mark.parametrize("attempts", [2, 3])
async def test_the_same_input_stands_once_however_often_it_is_tried(talk, provider, attempts):
    turn = await talk.say("[[hold after=1]]")
    for count in range(1, attempts):
        await killed(talk, turn, provider.wait_for_calls(count))
    async with talk.answering():
        await provider.wait_for_calls(attempts)
        provider.release()
    assert [row.kind for row in await talk.messages(retracted=False)] == ["request", "response"]
    await talk.shown(turn)
