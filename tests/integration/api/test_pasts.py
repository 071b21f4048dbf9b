"""A request that brings its own past along, as OpenAI's guide to function calls does it."""

import json

import pytest
from openai.types.conversations import ConversationItem
from pydantic import TypeAdapter

from conversations.admin import transcript
from conversations.api.schemas import ITEMS
from conversations.models import Conversation, ToolCall, Turn
from conversations.threads import in_thread
from tests import specified
from tests.integration.api.programs import sdk
from tests.integration.api.test_tools import FORECAST, ask, outputs

__all__ = ["sdk"]
pytestmark = pytest.mark.usefixtures("crew")
ITEM = TypeAdapter(ConversationItem)
ASKED = {"role": "user", "content": "[[echo]] Which sky?"}
CALL = {"type": "function_call", "call_id": "a", "name": "forecast", "arguments": '{"city": "Ulm"}'}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "sun"}
LOOP = [ASKED, CALL, OUTPUT]


def told(provider):
    """What the model was told last: role and content, or the ids of calls."""
    messages = provider.calls[-1]["body"]["messages"]
    return [
        (message["role"], message.get("content") or [c["id"] for c in message["tool_calls"]])
        for message in messages
        if message["role"] != "system"
    ]


async def refused(program, body):
    answer = await program.post("/v1/responses", json=body)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


@pytest.mark.parametrize("store", [True, False])
async def test_the_loop_of_openais_guide(sdk, provider, store):
    said = [{"role": "user", "content": "[[tools forecast forecast times=2]]"}]
    for _ in range(3):
        response = await sdk.responses.create(
            model="demo", input=said, tools=[FORECAST], store=store
        )
        said += response.output
        said += outputs(response.to_dict())
    assert response.output_text
    roles = [role for role, _ in told(provider)]
    assert roles == ["user", *["assistant", "tool", "tool"] * 2]
    assert await in_thread(Conversation.objects.count) == (3 if store else 0)


async def test_what_is_sent_again_is_told_in_the_same_words(program, provider):
    first = await ask(program, "[[tools forecast times=2]]", store=False)
    said = [
        {"role": "user", "content": "[[tools forecast times=2]]"},
        *first["output"],
        *outputs(first),
    ]
    second = await ask(program, said, store=False)
    before = provider.calls[-1]["body"]["messages"]
    await ask(program, [*said, *second["output"], *outputs(second)], store=False)
    after = provider.calls[-1]["body"]["messages"]
    assert after[: len(before)] == before


@pytest.mark.parametrize("store", ["database", "hybrid", "redis"])
async def test_what_came_along_is_kept_listed_and_gone_on_from(program, provider, settings, store):
    settings.STORE_DEFAULT = store
    first = await ask(program, LOOP, metadata={"topic": "sky"})
    assert told(provider)[-2:] == [("assistant", ["a"]), ("tool", "sun")]
    conversation = await in_thread(Conversation.objects.get)
    assert conversation.title == "[[echo]] Which sky?"
    address = f"/v1/conversations/conv_{conversation.pk.hex}/items"
    items = (await program.get(f"{address}?order=asc")).json()["data"]
    assert [item["type"] for item in items] == [
        "message", "function_call", "function_call_output", "message",
    ]  # fmt: skip
    assert [ITEM.validate_python(item).id for item in items] == [item["id"] for item in items]
    assert items[1]["call_id"] == items[2]["call_id"] != "a"
    gone = await program.delete(f"{address}/{items[1]['id']}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (409, "part_of_response")
    await ask(program, "[[echo]] more", previous_response_id=first["id"])
    roles = [role for role, _ in told(provider)]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


async def test_a_past_goes_with_the_last_response(program):
    first = await ask(program, [{"role": "assistant", "content": "Hm?"}, *LOOP])
    second = await ask(program, "[[echo]] more", previous_response_id=first["id"])
    for response in (second, first):
        assert await in_thread(Conversation.objects.exists)
        await program.delete(f"/v1/responses/{response['id']}")
    assert not await in_thread(Conversation.objects.exists)


async def test_its_open_calls_are_in_the_ledger_and_shown_with_it(program):
    await ask(program, LOOP)
    conversation = await in_thread(Conversation.objects.get)
    blocks = (await in_thread(transcript.read, conversation)).blocks
    parts = [part for block in blocks for line in block.lines for part in line.parts]
    assert [part.look for part in parts] == ["user", "call", "result", "text"]
    assert parts[1].ledger.state == "done"
    call = await in_thread(ToolCall.objects.get)
    assert (call.tool, call.tool_call_id) == ("forecast", "a")
    assert (call.state, call.asks) == ("done", "client")
    assert json.loads(call.arguments) == {"city": "Ulm"}
    assert call.result == {"returned": {"return_value": "sun"}}


async def test_a_past_goes_on_from_a_response_too(program, provider):
    first = await ask(program, "[[echo]] one")
    second = await ask(program, LOOP, previous_response_id=first["id"], store=False)
    specified.response(second)
    assert [content for role, content in told(provider) if role != "assistant"] == [
        "[[echo]] one", "[[echo]] Which sky?", "sun",
    ]  # fmt: skip


async def test_a_call_whose_id_is_sent_along_is_not_answered_by_it(program, provider):
    """Not that of the same client, though it names it, and though it goes on from there."""
    first = await ask(program, "[[tools forecast]]")
    said = [ASKED, *first["output"], *outputs(first)]
    await ask(program, said)
    await ask(program, said, previous_response_id=first["id"])
    states = ToolCall.objects.filter(turn__attempt__gt=0).values_list("state", flat=True)
    assert await in_thread(lambda: list(states)) == ["asked"]
    assert told(provider)[-1] == ("tool", "sun")


async def test_ids_of_others_are_only_names(program, provider, django_user_model):
    first = await ask(program, "[[tools forecast]]")
    eve = await in_thread(django_user_model.objects.create_user, "eve")
    await in_thread(Turn.objects.update, owner=eve)
    await in_thread(Conversation.objects.update, owner=eve)
    await ask(program, [ASKED, *first["output"], *outputs(first)])
    assert told(provider)[-1] == ("tool", "sun")
    hers = await in_thread(ToolCall.objects.get, turn__owner=eve)
    assert (hers.state, hers.result) == ("asked", None)


async def test_what_no_model_can_use_is_passed_over(program, provider):
    cut_off = {"type": "message", "role": "assistant", "status": "incomplete", "id": "msg_1"}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    cut_off["content"] = [{"type": "output_text", "text": "The s", "annotations": []}]
    half = {**CALL, "call_id": "b", "arguments": '{"ci', "status": "incomplete"}
    await ask(program, [ASKED, thought, cut_off, half, CALL, OUTPUT, thought])
    assert [role for role, _ in told(provider)] == ["user", "assistant", "tool"]


async def test_instructions_of_a_program_have_the_weight_of_a_persons_words(program, provider):
    said = [{"role": "developer", "content": "Be brief."}, *LOOP]
    await ask(program, [*said, {"role": "system", "content": "Briefer."}])
    assert told(provider)[0][0] == "user"
    assert told(provider)[-1] == ("user", "Briefer.")
    assert "Be brief." in str(told(provider)[0])


async def test_a_past_beyond_the_window_is_told_from_a_prompt_on(program, provider, settings):
    settings.AGENTS["demo"] |= {"window": 4, "keep": 2}
    old = [{"role": role, "content": str(n)} for n in range(9) for role in ("user", "assistant")]
    await ask(program, [*old, *LOOP])
    assert told(provider) == [("user", ASKED["content"]), ("assistant", ["a"]), ("tool", "sun")]


async def test_a_key_names_a_past_as_well(program):
    headers = {"Idempotency-Key": "once"}
    body = {"input": LOOP}
    first = await program.post("/v1/responses", json=body, headers=headers)
    again = await program.post("/v1/responses", json=body, headers=headers)
    assert first.json() == again.json()
    assert await in_thread(Conversation.objects.count) == 1
    other = {"input": [ASKED, {**CALL, "name": "other"}, OUTPUT]}
    assert (await program.post("/v1/responses", json=other, headers=headers)).status_code == 409


BAD = [
    ([ASKED, CALL], "input[1]"),
    ([ASKED, OUTPUT], "input[1]"),
    ([ASKED, CALL, {**OUTPUT, "call_id": "b"}], "input[1]"),
    ([ASKED, CALL, OUTPUT, OUTPUT], "input[3]"),
    ([ASKED, CALL, CALL, OUTPUT], "input[2]"),
    ([ASKED, {**CALL, "status": "incomplete"}, OUTPUT], "input[2]"),
    ([ASKED, {"role": "assistant", "content": "Sun."}], "input"),
    ([{"type": "reasoning"}], "input"),
    ([{**CALL, "name": "a b"}, OUTPUT], "input[0].name"),
    ([{**CALL, "call_id": "☃"}, OUTPUT], "input[0].call_id"),
    ([{**CALL, "call_id": "x" * 65}, OUTPUT], "input[0].call_id"),
    ([{**CALL, "arguments": {}}, OUTPUT], "input[0].arguments"),
    ([{**CALL, "status": "done"}, OUTPUT], "input[0].status"),
    ([{**CALL, "owner": 1}, OUTPUT], "input[0].owner"),
    ([{"type": "reasoning", "summary": "x"}, ASKED], "input[0].summary"),
    ([{"type": "item_reference", "id": "msg_1"}], "input[0]"),
    ([ASKED, {"id": f"msg_{'0' * 32}_0"}, ASKED], "input[1]"),
    ([{"type": "item_reference", "id": "msg_1", "role": "user"}], "input[0].role"),
    ([{"type": ["function_call"]}], "input[0]"),
    ([{"type": "custom_tool_call", "call_id": "a", "name": "x", "input": ""}], "input[0]"),
    ([ASKED] * (ITEMS + 1), "input"),
]


async def test_what_cannot_be_a_past_is_named_by_its_place(program):
    for items, param in BAD:
        status, _, named = await refused(program, {"input": items})
        assert (status, named) == (400, param), items
    assert not await in_thread(Conversation.objects.exists)


async def test_as_much_comes_along_as_may(program, provider):
    said = [
        item
        for n in range(ITEMS // 2 - 1)
        for item in ({**CALL, "call_id": f"c{n}"}, {**OUTPUT, "call_id": f"c{n}"})
    ]
    await ask(program, [ASKED, *said], store=False)
    assert told(provider)[-1] == ("tool", "sun")
