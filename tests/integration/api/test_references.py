"""Items of a request that name others: a client that knows their ids need not send them whole."""

import pytest

from conversations import keys
from conversations.models import Conversation
from conversations.threads import in_thread
from tests.integration.admin.rows import person
from tests.integration.api.programs import address, connection, sdk
from tests.integration.api.test_pasts import refused, told
from tests.integration.api.test_tools import FORECAST, ask, outputs

__all__ = ["address", "connection", "sdk"]
pytestmark = pytest.mark.usefixtures("crew")
ON = {"role": "user", "content": "[[echo]] on"}


def named(item_id):
    return {"type": "item_reference", "id": item_id}


async def test_what_was_said_in_two_conversations_is_said_before(sdk, provider):
    first = await sdk.responses.create(input="[[echo]] one")
    second = await sdk.responses.create(input="[[echo]] two")
    asked = await sdk.responses.input_items.list(first.id)
    said = [named(asked.data[0].id), named(first.output[0].id), ON, {"id": second.output[0].id}]
    await sdk.responses.create(input=[*said, ON])
    assert told(provider) == [
        ("user", "[[echo]] one"),
        ("assistant", "[[echo]] one "),
        ("user", "[[echo]] on"),
        ("assistant", "[[echo]] two "),
        ("user", "[[echo]] on"),
    ]


async def test_a_call_is_named_and_what_it_returned_is_sent(program, provider):
    first = await ask(program, "[[tools forecast]]")
    said = [{"role": "user", "content": "[[tools forecast]]"}, named(first["output"][0]["id"])]
    last = await ask(program, [*said, *outputs(first)])
    assert last["output"][-1]["type"] == "message"
    assert [role for role, _ in told(provider)] == ["user", "assistant", "tool"]


async def test_over_the_websocket(connection, provider):
    first = await connection.answer("[[echo]] one")
    await connection.send(
        type="response.create", input=[named(first["output"][0]["id"]), ON], store=False
    )
    await connection.until("response.completed")
    assert told(provider) == [("assistant", "[[echo]] one "), ("user", "[[echo]] on")]


async def test_what_is_deleted_or_anothers_is_named_by_its_place(program):
    first, second = await ask(program, "[[echo]] one"), await ask(program, "[[echo]] two")
    body = {"input": [ON, named(first["output"][0]["id"]), ON], "tools": [FORECAST]}
    await ask(program, body["input"])
    await program.delete(f"/v1/responses/{first['id']}")
    assert await refused(program, body) == (400, "invalid_value", "input[1]")
    eve = await in_thread(person, "eve")
    _, secret = await in_thread(keys.make, eve.pk, name="tests")
    program.headers["Authorization"] = f"Bearer {secret}"
    body["input"][1] = named(second["output"][0]["id"])
    assert await refused(program, body) == (400, "invalid_value", "input[1]")
    assert await in_thread(Conversation.objects.count) == 2
