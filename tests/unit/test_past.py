"""A past that comes with a request: what belongs together, and what cannot be told to a model."""

import pytest
from pydantic_ai.messages import ModelMessagesTypeAdapter, ToolCallPart, ToolReturnPart

from conversations.errors import InvalidValue
from conversations.turns import past

ASKED = {"type": "message", "role": "user", "content": "Which sky?"}
SAID = {"type": "message", "role": "assistant", "content": "Clear."}
AT = "2026-11-21T08:30:00+00:00"


def call(name="a"):
    return {"type": "function_call", "call_id": name, "name": "forecast", "arguments": "{}"}


def output(name="a"):
    return {"type": "function_call_output", "call_id": name, "output": "clear"}


def check(items, *, goes_on=False):
    past.check(list(enumerate(items)), goes_on=goes_on)


@pytest.mark.parametrize(
    "items",
    [
        [ASKED],
        [ASKED, SAID, ASKED],
        [ASKED, call(), output()],
        [ASKED, call(), call("b"), output("b"), output()],
        [ASKED, call(), SAID, output(), ASKED],
        [ASKED, call(), output(), call(), output()],
        [call(), ASKED, output()],
    ],
)
def test_what_a_model_can_be_told(items):
    check(items)


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([ASKED, call()], 1),
        ([ASKED, call(), ASKED], 1),
        ([ASKED, call(), call("b"), output()], 2),
        ([ASKED, call(), ASKED, SAID, output()], 1),
        ([ASKED, call(), call(), output()], 2),
        ([output()], 0),
        ([output(), call(), output()], 0),
        ([ASKED, call(), output(), output()], 3),
        ([ASKED, call(), output("b")], 1),
        ([ASKED, SAID, output()], 2),
    ],
)
def test_what_no_model_can_be_told_is_named_by_its_place(items, place):
    with pytest.raises(InvalidValue) as refused:
        check(items)
    assert refused.value.param == f"input[{place}]"


def test_an_output_may_belong_to_what_is_gone_on_from():
    check([output()], goes_on=True)
    check([ASKED, SAID, output()], goes_on=True)
    with pytest.raises(InvalidValue):
        check([output(), SAID, ASKED], goes_on=True)


def test_all_up_to_the_agents_last_item_was_said():
    assert past.halves([ASKED, call(), output()]) == ([ASKED, call()], [output()])
    assert past.halves([ASKED, SAID, ASKED, ASKED]) == ([ASKED, SAID], [ASKED, ASKED])
    assert past.halves([ASKED]) == ([], [ASKED])


def test_messages_have_turns_of_their_own_and_calls_stand_together():
    said = [ASKED, ASKED, SAID, call(), call("b"), output(), output("b"), ASKED, SAID, SAID]
    assert past.turns_of(said) == [
        [ASKED], [ASKED], [SAID, call(), call("b")], [output(), output("b"), ASKED], [SAID], [SAID],
    ]  # fmt: skip


def test_pydantic_ai_reads_calls_and_outputs_as_its_own():
    tools = {"a": "forecast"}
    together = [[SAID, call()], [ASKED, output()]]
    payloads = [past.told(items, tools, at=AT) for items in together]
    response, request = ModelMessagesTypeAdapter.validate_python(payloads)
    assert response.parts[1] == ToolCallPart("forecast", "{}", tool_call_id="a")
    assert isinstance(request.parts[0], ToolReturnPart)  # the result comes first, then the words
    assert (request.parts[0].tool_name, request.parts[0].content) == ("forecast", "clear")
    assert request.parts[1].content == "Which sky?"
