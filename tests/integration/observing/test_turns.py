"""What is logged and counted of a whole turn: enough to follow it, nothing of what was said."""

import logging

import pytest
from structlog.contextvars import bound_contextvars

from agentsite.logs import outlets
from agentsite.logs.lines import Scrubber
from conversations.models import Turn
from tests.counting import counted
from tests.integration.runner.talking import seen
from tests.sinks import Gated
from workers.observing import metrics

DIARY, ARGUMENT, FAULT = "dear-diary-4711", "argument-0815", "a secret of the tool's"
KEY = "sk-abcdef0123456789"
QUEUE = "default"


def number(metric, *labels) -> float:
    return metric.labels(*labels)._value.get()


def observed(histogram, *labels) -> float:
    return sum(bucket.get() for bucket in histogram.labels(*labels)._buckets)


async def test_every_line_of_a_turn_tells_whose_it_is(talk, entries):
    with bound_contextvars(request="r-1"):
        turn = await talk.say("[[stream]]")
    await talk.answer()
    (ended,) = entries("turn_ended")
    assert ended["turn"] == str(turn.pk)
    assert ended["conversation"] == str(turn.conversation_id)
    assert (ended["attempt"], ended["request"]) == (1, "r-1")
    assert "worker" in ended


@pytest.mark.parametrize(
    "script",
    [
        "[[echo]]",
        f'[[tool name=fail arguments={{"how":"{ARGUMENT}"}}]]',
        "[[status code=400]]",
        "[[garbage]]",
    ],
)
async def test_what_was_said_and_called_is_in_no_line(talk, written, script):
    await talk.hear(f"{script} {DIARY} {KEY}")
    lines = "\n".join(written())
    assert "turn_ended" in lines
    for secret in (DIARY, ARGUMENT, FAULT, KEY, "Be kind"):
        assert secret not in lines


async def test_a_sink_that_blocks_does_not_block_a_turn(talk):
    outlet = outlets.Outlet(Gated(), Scrubber(()), capacity=1)
    handler = outlets.OutletHandler([outlet])
    logging.getLogger().addHandler(handler)
    try:
        for _ in range(3):
            turn = await talk.hear("[[stream]]")
            assert turn.state == Turn.State.COMPLETED
        assert outlet.dropped
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


async def test_a_turn_is_counted_once_where_it_is_committed(talk):
    def counted():
        return [
            number(metrics.TURNS_ACCEPTED, QUEUE),
            number(metrics.HINTS, QUEUE, "sent"),
            number(metrics.TURNS_CLAIMED, QUEUE),
            number(metrics.TURNS_ENDED, QUEUE, "completed", ""),
            observed(metrics.TURN_WAIT, QUEUE),
            observed(metrics.FIRST_TOKEN, QUEUE),
            observed(metrics.TURN_TIME, QUEUE, "completed"),
        ]

    before = counted()
    await talk.hear("[[stream]]")
    assert [new - old for new, old in zip(counted(), before, strict=True)] == [1] * 7


async def test_the_tokens_of_a_turn_are_counted_for_its_agent(talk):
    before = number(metrics.TOKENS, "demo", "input")
    turn = await talk.hear("[[stream]]")
    assert number(metrics.TOKENS, "demo", "input") - before == turn.usage["input_tokens"]


async def test_a_tool_call_is_counted_and_timed(talk):
    labels = {"tool": "calculate"}
    with (
        counted("agentsite_tool_calls_total", outcome="returned", **labels),
        counted("agentsite_tool_seconds_count", **labels),
    ):
        await talk.hear("[[tool]]")


async def test_a_failed_turn_is_counted_with_its_code(talk):
    before = number(metrics.TURNS_ENDED, QUEUE, "failed", "provider_error")
    turn = await talk.hear("[[status code=500]]")
    assert (turn.state, turn.error["code"]) == (Turn.State.FAILED, "provider_error")
    assert number(metrics.TURNS_ENDED, QUEUE, "failed", "provider_error") - before == 1


async def test_a_claim_that_is_lost_is_counted(talk, provider):
    def counted():
        return number(metrics.FENCED, "refused") + number(metrics.FENCED, "abandoned")

    before = counted()
    turn = await talk.say("[[hold after=1]]")
    async with talk.answering():
        await seen(turn, 1)
        await talk.die(turn)
        provider.release()
    assert counted() - before == 1  # the write was refused, or the row was seen before it
