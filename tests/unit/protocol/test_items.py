"""Items, ids and response objects, and the fold of a turn's entries."""

from uuid import UUID

import openresponses_types as specification
import pytest
from openai.types.responses import Response, ResponseInputItem, ResponseOutputItem
from pydantic import TypeAdapter

from conversations import protocol
from conversations.errors import NotFound
from conversations.models import Turn
from conversations.protocol import TurnFacts, ids
from conversations.traces import Entry, Kind
from tests import specified
from tests.unit.protocol.turns import FACTS, USAGE, entries

OUTPUT = TypeAdapter(
    list[specification.Message | specification.FunctionCall | specification.FunctionCallOutput]
)
SDK_OUTPUT = TypeAdapter(list[ResponseOutputItem])


def test_finished_items_are_valid_by_the_specification_and_the_sdk():
    OUTPUT.validate_python(protocol.output(FACTS, entries()))
    SDK_OUTPUT.validate_python(protocol.output(FACTS, entries()))


def test_the_fold_of_every_prefix_is_valid_and_grows():
    sizes = []
    for end in range(len(entries()) + 1):
        items = protocol.output(FACTS, entries()[:end])
        OUTPUT.validate_python(items)
        sizes.append(len(items))
    assert sizes == sorted(sizes)
    assert sizes[-1] == 4


def test_an_unfinished_message_shows_its_text_so_far():
    item = protocol.output(FACTS, entries()[:12])[3]
    assert (item["status"], item["content"][0]["text"]) == ("in_progress", "It is 12 °C")


def test_an_unfinished_call_shows_its_arguments_so_far():
    item = protocol.output(FACTS, entries()[:7])[1]
    assert (item["status"], item["arguments"]) == ("in_progress", '{"town": ')


@pytest.mark.parametrize(("status", "shown"), [("completed", "{}"), ("incomplete", "")])
def test_a_finished_call_without_arguments_shows_an_empty_object(status, shown):
    call = ["call_a", "look", "", status]
    opened = Entry(3, Kind.OPEN_CALL, 0, call[:2])
    closed = Entry(4, Kind.CLOSE_CALL, 0, call)
    [item] = protocol.output(FACTS, [opened, closed])
    done, over = protocol.events(FACTS, closed)
    assert item["arguments"] == done["arguments"] == over["item"]["arguments"] == shown


def test_the_done_event_of_an_item_holds_what_the_fold_holds():
    done = [
        event["item"]
        for entry in entries()
        for event in protocol.events(FACTS, entry)
        if event["type"] == "response.output_item.done"
    ]
    assert done == protocol.output(FACTS, entries())


def test_an_input_has_an_id_of_its_own():
    item, *_ = protocol.input_items(FACTS.id, [protocol.user_message("hello")])
    assert item["id"] == f"msg_{FACTS.id.hex}_in"
    specified.strictly(specification.Message, item)
    TypeAdapter(ResponseInputItem).validate_python(item)


def test_several_inputs_have_several_ids():
    items = protocol.input_items(FACTS.id, [protocol.user_message("a"), protocol.user_message("b")])
    assert len({item["id"] for item in items}) == 2


@pytest.mark.parametrize("state", Turn.State.values)
def test_every_state_has_a_status_that_the_sdk_knows(state):
    made = protocol.response(FACTS, protocol.STATUS[state], usage=USAGE)
    specified.response(made)
    assert Response.model_validate(made).usage.total_tokens == 19


def test_facts_survive_packing():
    assert TurnFacts.unpacked(FACTS.packed()) == FACTS


def test_a_response_id_leads_back_to_its_turn():
    assert protocol.turn_id(protocol.response_id(FACTS.id)) == FACTS.id
    assert ids.conversation_row(protocol.conversation_id(FACTS.conversation_id)) == (
        FACTS.conversation_id
    )


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "resp_",
        "resp_1",
        "0" * 32,
        "\ud800",
        f"conv_{'0' * 32}",
        f"resp_{'0' * 33}",
        f"resp_{'A' * 32}",
        f"resp_{'٣' * 32}",
        f"resp_{{{'0' * 32}}}",
        f"resp_{UUID(int=0)}",
    ],
)
def test_an_id_of_any_other_form_names_nothing(foreign):
    with pytest.raises(NotFound):
        protocol.turn_id(foreign)
