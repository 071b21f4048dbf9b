"""Functions of a client: it passes them, makes the calls, and sends what they returned."""

import pytest

from conversations import catalog, protocol, turns
from conversations.errors import InvalidValue
from conversations.models import ToolCall, Turn
from conversations.threads import in_thread
from conversations.traces import Kind
from tests.integration.runner import agents
from tests.integration.runner.talking import output

FORECAST = {
    "type": "function",
    "name": "forecast",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}
REQUEST = {"tools": [FORECAST]}


def returned(call, text):
    return {"type": "function_call_output", "call_id": call["call_id"], "output": text}


async def called(talk, script="[[tools forecast forecast]]"):
    """A completed response, and the function calls in it."""
    turn = await talk.say(script, parameters=REQUEST)
    await talk.answer()
    items = output(await talk.shown(turn))
    return await talk.row(turn), [item for item in items if item["type"] == "function_call"]


async def test_the_model_is_offered_them_and_the_response_ends_with_their_calls(talk, provider):
    turn, calls = await called(talk)
    [offered] = [
        t for t in provider.calls[0]["body"]["tools"] if t["function"]["name"] == "forecast"
    ]
    assert offered["function"]["parameters"]["properties"] == {"city": {"type": "string"}}
    assert turn.state == "completed"
    assert [(call["name"], call["status"]) for call in calls] == [("forecast", "completed")] * 2
    kinds = [entry.kind for entry in await talk.shown(turn)]
    assert Kind.ARGUMENTS in kinds


async def test_what_they_returned_goes_to_the_model_under_its_own_ids(talk, provider):
    _, calls = await called(talk)
    turn = await talk.send(
        [returned(calls[1], "rain"), returned(calls[0], "sun")], parameters=REQUEST
    )
    await talk.answer()
    told = [m for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert {m["tool_call_id"]: m["content"] for m in told} == {"call_0": "sun", "call_1": "rain"}
    assert (await talk.row(turn)).state == "completed"
    rows = await in_thread(lambda: list(ToolCall.objects.values_list("state", "asks")))
    assert rows == [("done", "client")] * 2


async def test_a_text_may_come_with_an_output(talk, provider):
    _, [call] = await called(talk, "[[tools forecast]]")
    await talk.send([returned(call, "sun"), protocol.user_message("And [[echo]] now?")])
    await talk.answer()
    roles = [message["role"] for message in provider.calls[-1]["body"]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user"]


async def test_the_agents_own_tools_are_called_beside_them(talk, provider):
    turn, _ = await called(talk, "[[tools pay forecast]]")
    assert [tool for tool, _ in agents.effects] == ["pay"]
    kinds = [item["type"] for item in output(await talk.shown(turn))]
    assert kinds == ["function_call", "function_call", "function_call_output"]


async def test_a_person_is_asked_first_and_the_client_afterwards(talk):
    turn = await talk.say("[[tools transfer forecast]]", parameters=REQUEST)
    await talk.answer()
    assert (await talk.row(turn)).state == "waiting"
    await in_thread(turns.resume, turn.pk, [turns.Answer(item=0)])
    await talk.answer()
    assert ((await talk.row(turn)).state, len(agents.effects)) == ("completed", 1)
    [call] = await in_thread(lambda: list(ToolCall.objects.filter(asks="client")))
    assert (call.tool, call.state, call.item) == ("forecast", "asked", 1)


async def test_an_output_is_taken_once_and_only_for_a_call(talk):
    _, [call] = await called(talk, "[[tools forecast]]")
    await talk.send([returned(call, "sun")])
    for call_id in (call["call_id"], "call_0", f"call_{'0' * 32}_0", call["call_id"] + "0"):
        with pytest.raises(InvalidValue):
            await talk.send([returned({"call_id": call_id}, "rain")])
    assert (await talk.row(await talk.say("more"))).number == 2  # what was refused counts nothing


async def test_who_speaks_instead_of_answering_is_answered(talk, provider):
    await called(talk, "[[tools forecast]]")
    turn = await talk.hear("[[stream deltas=1]]")
    roles = [message["role"] for message in provider.calls[-1]["body"]["messages"]]
    assert (turn.state, roles) == ("completed", ["system", "user", "assistant", "tool", "user"])


async def test_a_request_may_forbid_their_use(talk, provider):
    await talk.say("[[stream]]", parameters={**REQUEST, "tool_choice": "none"})
    await talk.answer()
    assert "forecast" not in str(provider.calls[0]["body"].get("tools"))


async def test_a_fork_may_be_told_what_a_function_returned(talk, provider):
    _, [_call] = await called(talk, "[[tools forecast]]")
    fork = await in_thread(lambda: catalog.fork(talk.conversation))
    talk.conversation = fork
    [asked] = await in_thread(lambda: list(ToolCall.objects.filter(turn__conversation=fork)))
    call_id = f"call_{asked.turn_id.hex}_{asked.item}"
    await talk.send([returned({"call_id": call_id}, "sun")])
    await talk.answer()
    assert [
        m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"
    ] == ["sun"]


async def forked_with_an_output(talk):
    """A fork's turn that answers a call of the original, which is deleted before it is claimed."""
    _, [call] = await called(talk, "[[tools forecast]]")
    original = talk.conversation
    talk.conversation = await in_thread(catalog.fork, original)
    turn = await talk.send([returned(call, "sun")])
    await in_thread(catalog.delete, original)
    return turn


async def test_an_output_is_told_though_its_call_was_deleted_meanwhile(talk, provider):
    """By the fork's own copy of the call."""
    turn = await forked_with_an_output(talk)
    await talk.answer()
    assert (await talk.row(turn)).state == "completed"
    assert told(provider)[-1] == ("tool", "sun")


async def test_a_turn_whose_call_was_deleted_can_be_cancelled(talk):
    turn = await forked_with_an_output(talk)
    assert await in_thread(turns.cancel, turn.pk) == "cancelled"


async def test_an_output_after_that_of_its_sibling_is_told_like_words(talk, provider):
    _, [one, other] = await called(talk)
    await talk.send([returned(one, "sun")], parameters=REQUEST)
    await talk.answer()
    late = await talk.send([returned(other, "rain")], parameters=REQUEST)
    await talk.answer()
    assert (await talk.row(late)).state == "completed"
    assert told(provider)[-1] == ("user", "rain")


async def test_a_loop_that_outgrows_the_window_still_knows_what_was_asked(talk, provider, settings):
    settings.AGENTS["demo"] |= {"window": 4, "keep": 2}
    asked = "[[tools forecast times=4]]"
    await talk.hear("[[stream]]")
    _, [call] = await called(talk, asked)
    for _ in range(4):
        turn = await talk.send([returned(call, "sun")], parameters=REQUEST)
        await talk.answer()
        [call] = output(await talk.shown(turn))
    assert call["type"] == "message"
    assert told(provider)[-9:] == [("user", asked), *[("assistant", None), ("tool", "sun")] * 4]


@pytest.mark.parametrize("asked_in_time", [False, True])
async def test_an_output_after_other_words_is_told_like_words(talk, provider, asked_in_time):
    _, [call] = await called(talk, "[[tools forecast]]")
    if asked_in_time:  # it is accepted before the words are told
        await talk.say("hurry")
        late = await talk.send([returned(call, "sun")])
    else:
        await talk.hear("hurry")
        late = await talk.send([returned(call, "sun")])
    await talk.answer()
    await talk.answer()
    assert (await talk.row(late)).state == "completed"
    assert told(provider)[-1] == ("user", "sun")


async def test_words_that_were_withdrawn_pass_nothing_over(talk, provider):
    _, [call] = await called(talk, "[[tools forecast]]")
    never = await talk.say("never mind")
    await in_thread(turns.cancel, never.pk)
    gone = await talk.hear("hurry")
    await in_thread(turns.delete, gone.pk)
    await talk.send([returned(call, "sun")])
    await talk.answer()
    assert told(provider)[-1] == ("tool", "sun")


async def test_a_call_of_another_conversation_takes_no_output(talk):
    _, [call] = await called(talk, "[[tools forecast]]")
    original, owner = talk.conversation, talk.conversation.owner_id
    first = await in_thread(Turn.objects.get)
    elsewhere = await in_thread(lambda: catalog.begin(owner, agent="demo"))
    earlier = await in_thread(lambda: catalog.fork(original, before=first))
    for talk.conversation in (elsewhere, earlier):
        with pytest.raises(InvalidValue):
            await talk.send([returned(call, "sun")])


async def test_what_was_answered_after_a_fork_is_not_answered_in_it(talk, provider):
    first, [call] = await called(talk, "[[tools forecast]]")
    await talk.send([returned(call, "sun")])
    await talk.answer()
    original = talk.conversation
    talk.conversation = await in_thread(lambda: catalog.fork(original, after=first))
    await talk.send([returned(call, "rain")])
    await talk.answer()
    assert told(provider)[-1] == ("tool", "rain")
    talk.conversation = await in_thread(lambda: catalog.fork(original))
    with pytest.raises(InvalidValue):
        await talk.send([returned(call, "rain")])


def told(provider):
    """What the last request told the model, by role."""
    sent = provider.calls[-1]["body"]["messages"]
    return [(message["role"], message["content"]) for message in sent]
