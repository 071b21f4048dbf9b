"""Some providers put what they must be told again into the ids of calls, which grow long."""

import random

import pytest
from pydantic_ai.models.function import DeltaToolCall, FunctionModel

from conversations import turns
from conversations.models import ToolCall
from conversations.threads import in_thread
from tests.integration.runner.test_functions import REQUEST

LONG = "call_" + random.Random(1).randbytes(3000).hex()  # that no compression makes short


@pytest.fixture
def calling(asked):
    """A model that calls once, under a long id, and then has nothing more to say."""

    def called(name):
        async def stream(messages, info):
            if any(part.part_kind == "tool-return" for said in messages for part in said.parts):
                yield "Done."
            else:
                yield {0: DeltaToolCall(name=name, json_args="{}", tool_call_id=LONG)}

        return asked.agent.override(model=FunctionModel(stream_function=stream))

    return called


@pytest.mark.parametrize(("name", "state"), [("pay", "completed"), ("transfer", "waiting")])
async def test_a_call_with_a_long_id_is_made(talk, calling, name, state):
    with calling(name):
        turn = await talk.say("Hello")
        await talk.answer()
        assert (await talk.row(turn)).state == state
        call = await in_thread(ToolCall.objects.get)
        assert call.tool_call_id == LONG
        if state == "waiting":
            await in_thread(turns.resume, turn.pk, [turns.Answer(item=call.item)])
            await talk.answer()
    assert (await talk.row(turn)).state == "completed"


async def test_a_client_hears_of_a_call_with_a_long_id(talk, calling):
    with calling("forecast"):
        turn = await talk.say("Hello", parameters=REQUEST)
        await talk.answer()
    row = await talk.row(turn)
    assert (row.state, row.crashes) == ("completed", 0)
    assert (await in_thread(ToolCall.objects.get)).state == "asked"
