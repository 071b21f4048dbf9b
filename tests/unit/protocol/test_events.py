"""Every event is what the specification and the official SDK expect."""

import pytest
from openai import omit
from openai.lib.responses_websocket import ResponsesWebSocketAccumulator
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from conversations.protocol import events
from conversations.traces import SPAN, Kind
from tests import specified
from tests.unit.protocol.turns import FACTS, ended, entries

FAILURE = {"code": "provider_timeout", "message": "The provider took too long.", "detail": "x"}
STEERED, CUT = {"code": "steered", "message": ""}, {"code": "max_output_tokens", "message": ""}
ENDS = [("completed", None), ("cancelled", None), ("rolled_back", None), ("failed", FAILURE)]
ENDS += [("completed", CUT), ("cancelled", STEERED), ("rolled_back", CUT)]
SDK = TypeAdapter(ResponseStreamEvent)


def shown(entries):
    return [event for entry in entries for event in events(FACTS, entry)]


def as_the_sdk_reads(event):
    read = SDK.validate_python(event)
    assert read.type == event["type"]
    return read


def test_every_kind_of_entry_is_among_the_samples():
    assert {entry.kind for entry in ended("completed")} == set(Kind)


@pytest.mark.parametrize(("status", "error"), ENDS)
def test_every_event_is_valid_by_the_specification(status, error):
    for event in shown(ended(status, error)):
        specified.event(event)


def test_every_event_is_valid_by_the_sdk():
    for event in shown(ended("completed")) + shown(ended("cancelled")):
        as_the_sdk_reads(event)


def test_numbers_have_no_gap_and_an_entry_takes_as_many_as_its_span_says():
    numbers = [event["sequence_number"] for event in shown(ended("completed"))]
    assert numbers == list(range(len(numbers)))
    for entry in ended("completed"):
        assert len(events(FACTS, entry)) == SPAN[entry.kind]


def test_every_event_names_its_response():
    assert {event["response_id"] for event in shown(ended("completed"))} == {f"resp_{FACTS.id.hex}"}


def test_the_stream_helper_of_the_sdk_accepts_the_turn_and_gives_its_text():
    state = ResponseStreamState(text_format=omit, input_tools=omit)
    for event in shown(ended("completed")):
        state.handle_event(as_the_sdk_reads(event))
    assert state._completed_response.output_text == "I shallIt is 12 °C in Ulm 🌧"


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_the_socket_accumulator_of_the_sdk_has_the_final_response(status):
    accumulator = ResponsesWebSocketAccumulator()
    for event in shown(ended(status)):
        accumulator.add_event(as_the_sdk_reads(event))
    assert accumulator.get_final_response().status == status


def test_the_accumulator_that_stops_anywhere_has_the_same_text_as_the_fold():
    accumulator = ResponsesWebSocketAccumulator()
    for event in shown(entries()[:12]):
        accumulator.add_event(as_the_sdk_reads(event))
    assert accumulator.snapshot().output[3].text == ((0, "It is 12 °C"),)


def test_a_delta_tells_where_it_belongs_in_its_item():
    deltas = [e for e in shown(entries()) if e["type"] == "response.output_text.delta"]
    text = ""
    for delta in (event for event in deltas if event["output_index"] == 3):
        assert delta["agentsite_offset"] == len(text)
        text += delta["delta"]
    assert text == "It is 12 °C in Ulm 🌧"


@pytest.mark.parametrize(
    ("status", "event", "seen"),
    [
        ("completed", "response.completed", "completed"),
        ("cancelled", "response.incomplete", "cancelled"),
        ("rolled_back", "response.incomplete", "cancelled"),
        ("failed", "response.failed", "failed"),
    ],
)
def test_each_outcome_has_its_event_and_status(status, event, seen):
    last = shown(ended(status, FAILURE))[-1]
    assert (last["type"], last["response"]["status"]) == (event, seen)


@pytest.mark.parametrize(("state", "error"), [("completed", CUT), ("cancelled", STEERED)])
def test_what_is_incomplete_tells_why_and_has_no_error(state, error):
    last = shown(ended(state, error))[-1]
    as_the_sdk_reads(last)
    response = last["response"]
    assert (last["type"], response["status"]) == ("response.incomplete", "incomplete")
    assert (response["incomplete_details"], response["error"]) == ({"reason": error["code"]}, None)


def test_what_was_rolled_back_is_cancelled_however_long_it_was():
    response = shown(ended("rolled_back", CUT))[-1]["response"]
    assert (response["status"], response["error"]) == ("cancelled", None)


def test_a_failure_tells_its_code_and_message_and_nothing_more():
    assert shown(ended("failed", FAILURE))[-1]["response"]["error"] == {
        "code": "provider_timeout",
        "message": "The provider took too long.",
    }
