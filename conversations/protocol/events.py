"""Events: the one function that turns an entry, live or rebuilt from rows, into what clients get."""

from typing import Any

from conversations.facts import TurnFacts
from conversations.protocol import ids, items
from conversations.protocol.responses import outcome, response
from conversations.traces import Entry, Kind

Event = dict[str, Any]
# A cancelled response ends in response.incomplete: the specification has no event of its own.
TERMINAL = {
    "completed": "completed",
    "failed": "failed",
    "cancelled": "incomplete",
    "incomplete": "incomplete",
}


def events(facts: TurnFacts, entry: Entry) -> list[Event]:
    """The events that an entry stands for, `SPAN[entry.kind]` of them, with their numbers."""
    response_id = ids.response_id(facts.id)
    return [
        {
            "type": f"response.{name}",
            "response_id": response_id,
            "sequence_number": number,
            **body,
        }
        for number, (name, body) in enumerate(_SHOWN[entry.kind](facts, entry), entry.number)
    ]


Shown = list[tuple[str, dict[str, Any]]]


def _start(facts: TurnFacts, entry: Entry) -> Shown:
    queued = {"response": response(facts, "queued")}
    return [("created", queued), ("queued", queued)]


def _in_progress(facts: TurnFacts, entry: Entry) -> Shown:
    return [("in_progress", {"response": response(facts, "in_progress")})]


def _open_message(facts: TurnFacts, entry: Entry) -> Shown:
    item = items.message(facts.id, entry.item, status="in_progress", content=())
    return [
        ("output_item.added", {"output_index": entry.item, "item": item}),
        ("content_part.added", {**_content(facts, entry), "part": items.text_part("")}),
    ]


def _text(facts: TurnFacts, entry: Entry) -> Shown:
    delta = {"delta": entry.data, "logprobs": [], "agentsite_offset": entry.offset}
    return [("output_text.delta", {**_content(facts, entry), **delta})]


def _close_message(facts: TurnFacts, entry: Entry) -> Shown:
    text, _ = entry.data
    content = _content(facts, entry)
    return [
        ("output_text.done", {**content, "text": text, "logprobs": []}),
        ("content_part.done", {**content, "part": items.text_part(text)}),
        ("output_item.done", _done(facts, entry)),
    ]


def _open_call(facts: TurnFacts, entry: Entry) -> Shown:
    _, name = entry.data
    item = items.function_call(facts.id, entry.item, name=name, arguments="", status="in_progress")
    return [("output_item.added", {"output_index": entry.item, "item": item})]


def _arguments(facts: TurnFacts, entry: Entry) -> Shown:
    return [("function_call_arguments.delta", {**_call(facts, entry), "delta": entry.data})]


def _close_call(facts: TurnFacts, entry: Entry) -> Shown:
    done = _done(facts, entry)
    arguments = {"arguments": done["item"]["arguments"]}
    return [
        ("function_call_arguments.done", {**_call(facts, entry), **arguments}),
        ("output_item.done", done),
    ]


def _tool_output(facts: TurnFacts, entry: Entry) -> Shown:
    call, *_ = entry.data
    item = items.function_call_output(
        facts.id, entry.item, call=call, output="", status="in_progress"
    )
    return [
        ("output_item.added", {"output_index": entry.item, "item": item}),
        ("output_item.done", _done(facts, entry)),
    ]


def _end(facts: TurnFacts, entry: Entry) -> Shown:
    status, details, error = outcome(entry.data["status"], entry.data["error"])
    ended = response(
        facts,
        status,
        output=entry.data["output"],
        usage=entry.data["usage"],
        error=error,
        completed_at=entry.data["completed_at"],
        notices=entry.data.get("notices", ()),
    )
    return [(TERMINAL[status], {"response": ended | {"incomplete_details": details}})]


def _content(facts: TurnFacts, entry: Entry) -> dict[str, Any]:
    return {
        "item_id": ids.message_id(facts.id, entry.item),
        "output_index": entry.item,
        "content_index": 0,
    }


def _call(facts: TurnFacts, entry: Entry) -> dict[str, Any]:
    return {"item_id": ids.call_item_id(facts.id, entry.item), "output_index": entry.item}


def _done(facts: TurnFacts, entry: Entry) -> dict[str, Any]:
    return {"output_index": entry.item, "item": items.closed(facts.id, entry)}


_SHOWN = {
    Kind.START: _start,
    Kind.IN_PROGRESS: _in_progress,
    Kind.OPEN_MESSAGE: _open_message,
    Kind.TEXT: _text,
    Kind.CLOSE_MESSAGE: _close_message,
    Kind.OPEN_CALL: _open_call,
    Kind.ARGUMENTS: _arguments,
    Kind.CLOSE_CALL: _close_call,
    Kind.TOOL_OUTPUT: _tool_output,
    Kind.END: _end,
}
