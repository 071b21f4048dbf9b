"""Providers use the ids of calls again; clients see each once, live and in every replay."""

import asyncio

from openai import omit
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from conversations import protocol
from conversations.models import Turn
from conversations.showing import snapshots
from tests.integration.runner.talking import output, seen
from workers.interrupts import Reason


def accumulated(turn, entries):
    """What the official SDK makes of the events; it refuses what does not fit together."""
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    facts = snapshots.facts_of(turn, "demo")
    for entry in entries:
        for event in protocol.events(facts, entry):
            state.handle_event(construct_type(type_=ResponseStreamEvent, value=event))
    return state._completed_response.output


def call_ids(items, kind):
    return [item.call_id for item in items if item.type == kind]


def paired(items, calls):
    """Whether there are so many calls, each with an id and an output of its own."""
    made = call_ids(items, "function_call")
    return len(set(made)) == calls and call_ids(items, "function_call_output") == made


async def test_ids_that_come_again_in_every_step_are_told_apart(talk):
    turn = await talk.hear("[[tool name=pay arguments={} times=3]]")
    assert paired(accumulated(turn, await talk.shown(turn)), calls=3)


async def test_a_call_before_a_crash_is_paired_with_its_output_after_it(talk, asked):
    turn = await talk.say("[[tool name=look arguments={} times=2]]")
    asked.gates["look"] = asyncio.Event()
    async with talk.answering() as interrupt:
        await asked.wait_for_effects(1)
        interrupt.fire(Reason.ABANDONED)
    asked.gates.clear()
    await talk.die(turn)
    await talk.answer()
    assert paired(accumulated(await talk.row(turn), await talk.shown(turn)), calls=2)


async def test_a_retry_after_a_crash_uses_an_id_again_and_is_understood(talk, provider):
    turn = await talk.say("[[tool name=pay arguments={} then=hold after=2]]")
    async with talk.answering() as interrupt:
        await seen(turn, 2)
        interrupt.fire(Reason.ABANDONED)
    await talk.die(turn)
    async with talk.answering():
        await provider.wait_for_calls(3)
        provider.release()
    assert paired(accumulated(await talk.row(turn), await talk.shown(turn)), calls=1)


async def test_a_tool_that_asks_for_another_try_is_heard(talk):
    turn = await talk.hear("[[tool name=ask arguments={}]]")
    assert turn.state == Turn.State.COMPLETED
    called, told, _ = output(await talk.shown(turn))
    assert (told["call_id"], told["output"]) == (called["call_id"], "try another way")
