"""A provider or a tool does wrong: the turn ends, and says why in a code and in words."""

import pytest
from pydantic_ai.messages import (
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from structlog.testing import capture_logs

from conversations.models import Turn
from conversations.runner.showing import characters
from tests.integration.runner.talking import output
from tests.waiting import GENEROUS


@pytest.fixture
def patience(request):
    """Short only where the provider is to say nothing."""
    return 0.5 if "stall" in request.node.name else GENEROUS


@pytest.mark.parametrize(
    ("script", "code", "calls"),
    [
        ("status code=500", "provider_error", 1),
        ("status code=429 retry_after=7", "provider_rate_limited", 1),
        ("status code=400", "context_too_long", 1),
        ("stall", "provider_timeout", 1),
        ("stall after=2", "provider_timeout", 1),
        ("cut after=2", "provider_error", 1),
        ("end after=2", "provider_error", 1),
        ("garbage after=2", "provider_invalid_reply", 1),
        ("html", "provider_invalid_reply", 1),
        ("tool name=nobody times=9", "provider_invalid_reply", 2),
        ("tool arguments={broken times=9", "provider_invalid_reply", 2),
        ('tool name=fail arguments={"how":"again"}', "provider_invalid_reply", 1),
        ('tool name=fail arguments={"how":"badly"}', "tool_error", 1),
    ],
)
async def test_each_fault_ends_the_turn_with_its_code(talk, provider, script, code, calls):
    turn = await talk.hear(f"[[{script}]]")
    assert (turn.state, turn.error["code"]) == (Turn.State.FAILED, code)
    assert len(provider.calls) == calls
    entries = await talk.shown(turn)
    assert entries[-1].data["error"]["message"] == turn.error["message"]


async def test_a_rate_limit_says_how_long_to_wait(talk):
    turn = await talk.hear("[[status code=429 retry_after=7]]")
    assert turn.error["retry_after"] == 7


async def test_what_was_seen_before_the_fault_stays_and_is_not_shown_to_the_model(talk, provider):
    turn = await talk.hear("[[cut after=3]]")
    [item] = output(await talk.shown(turn))
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "word0 word1 word2 ")
    await talk.hear("[[echo]] go on")
    assert "word0" not in str(provider.calls[-1]["body"]["messages"])


async def test_the_conversation_goes_on_after_calls_that_nobody_answered(talk, provider):
    await talk.hear('[[tool name=fail arguments={"how":"badly"}]]')
    assert (await talk.hear("[[echo]] go on")).state == Turn.State.COMPLETED
    roles = [message["role"] for message in provider.calls[-1]["body"]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user"]


async def test_an_agent_that_never_ends_is_ended(talk, provider, settings):
    settings.AGENTS["demo"]["request_limit"] = 3
    turn = await talk.hear("[[tool times=99]]")
    assert turn.error["code"] == "provider_invalid_reply"
    assert len(provider.calls) == 3
    await talk.shown(turn)


async def test_an_agent_that_left_the_settings_fails_its_turns_and_no_worker(talk, settings):
    settings.AGENTS = {}
    turn = await talk.hear("hello")
    assert (turn.state, turn.error["code"]) == (Turn.State.FAILED, "server_error")


async def test_the_log_says_where_it_failed_and_nothing_that_anybody_said(talk):
    with capture_logs() as logs:
        await talk.hear('[[tool name=fail arguments={"how":"badly"}]] my secret')
    [failed] = [line for line in logs if line["event"] == "turn_failed"]
    assert failed["code"] == "tool_error"
    assert failed["cause"] == "ValueError"
    assert "secret" not in str(logs)


async def test_a_reply_of_ten_megabytes_is_kept(talk):
    turn = await talk.hear("[[stream deltas=1 size=10000000]]")
    assert turn.state == Turn.State.COMPLETED
    assert len((await talk.texts())[1]) == 10_000_000


async def test_a_model_that_never_ends_is_ended(talk, provider, settings):
    settings.AGENTS["demo"]["reply_limit"] = 12
    turn = await talk.hear("[[stream deltas=1000]]")
    assert (turn.state, turn.error["code"]) == (Turn.State.FAILED, "reply_too_long")
    [item] = output(await talk.shown(turn))
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "word0 word1 ")


@pytest.mark.parametrize(
    "event",
    [
        PartStartEvent(index=0, part=TextPart("four")),
        PartStartEvent(index=0, part=ThinkingPart("four")),
        PartStartEvent(index=0, part=ToolCallPart("t", "four")),
        PartDeltaEvent(index=0, delta=TextPartDelta("four")),
        PartDeltaEvent(index=0, delta=ThinkingPartDelta(content_delta="four")),
        PartDeltaEvent(index=0, delta=ToolCallPartDelta(args_delta="four")),
    ],
)
def test_whatever_a_model_goes_on_with_counts(event):
    assert characters(event) == 4
