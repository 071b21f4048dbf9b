"""The rows of a turn show it as it was shown live."""

import json

import pytest
from hypothesis import given
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from conversations.showing.replays import as_text, replay, unfinished
from conversations.traces import Entry, Kind, contents, merge, opening, trace
from tests.unit.shown import END, FACTS, turns


def stored(*messages):
    """Payloads as rows hold them, without any order of their keys."""
    return json.loads(
        json.dumps(json.loads(ModelMessagesTypeAdapter.dump_json(list(messages))), sort_keys=True)
    )


def message_of(shown):
    """The response and the tool results that these entries showed."""
    parts, results = [ThinkingPart("hm"), TextPart("")], [UserPromptPart("hello")]
    kinds = {entry.item: entry.kind for entry in reversed(shown)}
    for item, held in contents(shown).items():
        if kinds[item] is Kind.OPEN_MESSAGE:
            parts.append(TextPart(held[0]))  # empty where nothing came
        elif kinds[item] is Kind.OPEN_CALL:
            parts.append(ToolCallPart(held[1], held[2], tool_call_id=held[0]))
        else:
            outcome = "denied" if held[1] == "incomplete" else "success"
            results.append(ToolReturnPart("tool", held[0], tool_call_id="id", outcome=outcome))
    return ModelResponse(parts), ModelRequest(results)


@given(turns())
def test_a_replay_from_rows_equals_what_was_shown(shown):
    outputs = {entry.item for entry in shown if entry.kind is Kind.TOOL_OUTPUT}
    traces = [
        trace([entry for entry in shown if (entry.item in outputs) is of_tools])
        for of_tools in (False, True)
    ]
    end = shown[-1] if shown[-1].kind is Kind.END else None
    rows = zip(traces, stored(*message_of(shown)), strict=True)
    assert list(replay(FACTS, rows, end=end)) == shown


def test_a_turn_that_ended_before_any_claim_was_never_in_progress():
    end = Entry(2, Kind.END, data=END)
    assert replay(FACTS, [], end=end) == (opening(FACTS)[0], end)


def test_a_message_without_a_trace_shows_nothing():
    rows = [([], payload) for payload in stored(ModelRequest([UserPromptPart("hello")]))]
    assert replay(FACTS, rows) == opening(FACTS)


@pytest.mark.parametrize(
    ("value", "text"),
    [("as it is", "as it is"), (None, ""), ({"b": [1, None], "a": "é"}, '{"a": "é", "b": [1, null]}')],
)  # fmt: skip
def test_results_read_the_same_before_and_after_storing(value, text):
    assert as_text(value) == text == as_text(json.loads(json.dumps(value, sort_keys=True)))


def test_what_was_opened_and_not_closed_is_unfinished():
    shown = [
        Entry(3, Kind.OPEN_MESSAGE, 0),
        Entry(5, Kind.CLOSE_MESSAGE, 0, ["", "completed"]),
        Entry(8, Kind.OPEN_CALL, 1, ["id", "add"]),
    ]
    assert unfinished(merge(shown)) == [1]
