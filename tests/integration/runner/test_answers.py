import asyncio
import json

import pytest
from pydantic_ai.models.function import FunctionModel

from conversations.models import ToolCall, Turn
from conversations.threads import in_thread
from devtools.ports import free_port
from tests.integration.runner.talking import output


async def test_a_reply_is_streamed_stored_and_paid_once(talk, provider):
    turn = await talk.hear("[[stream deltas=4]]")
    assert turn.state == Turn.State.COMPLETED
    assert await talk.texts() == ["[[stream deltas=4]]", "word0 word1 word2 word3 "]
    assert len(provider.calls) == 1
    assert turn.usage == {"requests": 1, "input_tokens": 11, "output_tokens": 7}
    assert turn.first_token is not None


async def test_what_was_seen_is_what_is_stored(talk):
    turn = await talk.hear("[[stream deltas=40]]")
    [item] = output(await talk.shown(turn))
    assert item["content"][0]["text"] == (await talk.texts())[1]


async def test_the_model_is_shown_all_that_was_said(talk, provider):
    await talk.hear("[[echo]] one")
    await talk.hear("[[echo]] two")
    sent = provider.calls[-1]["body"]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert sent[2]["content"] == "[[echo]] one "


async def test_an_agent_with_a_system_prompt_keeps_it_in_every_turn(talk, provider, settings):
    settings.AGENTS["demo"]["agent"] = "tests.integration.runner.agents.old"
    first = await talk.hear("[[tool]]")
    await talk.hear("[[echo]] and now?")
    roles = [[m["role"] for m in call["body"]["messages"]] for call in provider.calls]
    assert [sent.count("system") for sent in roles] == [1, 1, 1]
    assert {sent[0] for sent in roles} == {"system"}
    kinds = [row.kind for row in await talk.messages()]
    assert kinds == ["request", "response", "request", "response", "request", "response"]
    await talk.shown(first)


async def test_nothing_to_answer_is_fine(talk, provider):
    await talk.answer()
    assert provider.calls == []


async def test_two_messages_are_answered_in_their_order(talk):
    first, second = await talk.say("[[echo]] 1"), await talk.say("[[echo]] 2")
    await talk.answer()
    assert (await talk.row(second)).state == Turn.State.QUEUED
    await talk.answer()
    assert [(await talk.row(turn)).state for turn in (first, second)] == ["completed"] * 2
    assert (await talk.texts())[1::2] == ["[[echo]] 1 ", "[[echo]] 2 "]


async def test_a_tool_is_in_the_ledger_and_its_result_is_shown(talk, provider, asked):
    turn = await talk.hear("[[tool name=pay arguments={}]]")
    call = await in_thread(ToolCall.objects.get, turn=turn)
    assert (call.state, call.tool, call.step) == (ToolCall.State.DONE, "pay", 1)
    assert call.result["returned"]["return_value"] == {"paid": 1, "change": 0}
    called, result, message = output(await talk.shown(turn))
    assert (called["name"], called["status"]) == ("pay", "completed")
    assert json.loads(result["output"]) == {"paid": 1, "change": 0}
    assert message["content"][0]["text"] == "word0 word1 word2 word3 word4 "
    assert len(provider.calls) == 2
    assert turn.usage["tool_calls"] == 1


async def test_what_an_agent_ends_with_instead_of_words_is_shown_as_a_call(talk, settings):
    settings.AGENTS["demo"]["agent"] = "tests.integration.runner.agents.shaped"
    for _ in range(2):  # the second time with the first before it
        turn = await talk.hear('[[tool name=final_result arguments={"name":"Ulm"}]]')
        assert turn.state == Turn.State.COMPLETED
        called, _ = output(await talk.shown(turn))
        assert (called["name"], called["arguments"]) == ("final_result", '{"name":"Ulm"}')


async def test_a_tool_is_given_a_key_that_names_its_call_for_ever(talk, asked):
    turn = await talk.hear("[[tool name=pay arguments={} times=2]]")
    assert asked.effects == [
        ("pay", f"{turn.pk.hex}:1:call_0"),
        ("pay", f"{turn.pk.hex}:3:call_0"),
    ]


async def test_calls_of_one_response_keep_their_order(talk):
    turn = await talk.hear("[[tool name=calculate ids=3]]")
    items = output(await talk.shown(turn))
    assert [item["type"] for item in items] == [
        *["function_call"] * 3,
        *["function_call_output"] * 3,
        "message",
    ]
    ids = [f"call_{turn.pk.hex}_{index}" for index in range(3)]
    assert [item["call_id"] for item in items[:6]] == ids * 2


@pytest.mark.parametrize(
    ("how", "told"),
    [("softly", "there is no such thing"), ("nul", "before\N{REPLACEMENT CHARACTER}after")],
)
async def test_the_model_is_told_what_a_tool_says(talk, provider, how, told):
    turn = await talk.hear(f'[[tool name=fail arguments={{"how":"{how}"}}]]')
    assert turn.state == Turn.State.COMPLETED
    assert told in provider.calls[1]["body"]["messages"][-1]["content"]
    await talk.shown(turn)


async def test_a_tool_that_takes_too_long_is_unknown_and_the_turn_goes_on(
    talk, provider, asked, settings
):
    settings.AGENTS["demo"]["tool_timeout"] = 0.05
    asked.gates["pay"] = asyncio.Event()
    turn = await talk.hear("[[tool name=pay arguments={}]]")
    assert turn.state == Turn.State.COMPLETED
    assert "unknown" in provider.calls[1]["body"]["messages"][-1]["content"]


async def test_a_second_tool_use_in_a_later_turn_is_another_call(talk, asked):
    for _ in range(2):
        await talk.hear("[[tool name=pay arguments={}]]")
    assert len({key for _, key in asked.effects}) == 2


async def test_a_result_goes_to_the_model_in_the_same_bytes_now_and_later(talk, provider):
    await talk.hear("[[tool name=pay arguments={}]]")
    await talk.hear("[[echo]] again")
    contents = [call["body"]["messages"][3]["content"] for call in provider.calls[1:]]
    assert contents == ['{"paid":1,"change":0}'] * 2


async def test_a_turn_is_answered_while_redis_is_away(talk, provider, settings, lingers):
    lingers(0.1)
    settings.REDIS_LIVE_URL = f"redis://127.0.0.1:{free_port()}/0"
    turn = await talk.hear("[[echo]] hello")
    assert turn.state == Turn.State.COMPLETED
    assert (await talk.texts())[1] == "[[echo]] hello "


async def test_only_a_window_of_a_long_conversation_is_sent(talk, provider, settings):
    settings.AGENTS["demo"] |= {"window": 6, "keep": 2}
    for number in range(5):
        await talk.hear(f"[[echo]] {number}")
    assert [len(call["body"]["messages"]) - 1 for call in provider.calls] == [1, 3, 5, 3, 5]


async def test_a_reply_with_characters_that_no_database_holds_is_kept(talk, asked):
    async def stream(messages, info):
        yield "a\0b"
        yield "c\ud800d é"

    with asked.agent.override(model=FunctionModel(stream_function=stream)):
        turn = await talk.hear("garble")
    assert turn.state == Turn.State.COMPLETED
    assert (await talk.texts())[1] == "a\N{REPLACEMENT CHARACTER}bc?d é"
    await talk.shown(turn)
