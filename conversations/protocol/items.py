"""Items: the parts of a conversation, and the fold that tells how they look so far."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from conversations.facts import TurnFacts
from conversations.protocol import ids
from conversations.traces import Entry, Kind

Item = dict[str, Any]
NO_ARGUMENTS = "{}"  # what is JSON for clients, though some models send nothing at all


def user_message(text: str) -> Item:
    """What a person sends, as `Turn.input` keeps it; `input_items` gives it its id."""
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def input_items(turn: UUID, items: Sequence[Item]) -> list[Item]:
    """A turn's input as clients see it."""
    return [
        {**item, "id": ids.input_id(turn, position, item.get("type", "")), "status": "completed"}
        for position, item in enumerate(items)
    ]


def text_part(text: str) -> Item:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message(turn: UUID, index: int, *, status: str, content: Sequence[Item]) -> Item:
    return {
        "type": "message",
        "id": ids.message_id(turn, index),
        "status": status,
        "role": "assistant",
        "content": list(content),
    }


def function_call(turn: UUID, index: int, *, name: str, arguments: str, status: str) -> Item:
    return {
        "type": "function_call",
        "id": ids.call_item_id(turn, index),
        "call_id": ids.call_id(turn, index),
        "name": name,
        "arguments": arguments,
        "status": status,
    }


def function_call_output(
    turn: UUID, index: int, *, call: int, output: str, status: str = "completed"
) -> Item:
    """A tool's result; `call` is the index of its call."""
    return {
        "type": "function_call_output",
        "id": ids.tool_output_id(turn, index),
        "call_id": ids.call_id(turn, call),
        "output": output,
        "status": status,
    }


def output(facts: TurnFacts, entries: Iterable[Entry]) -> list[Item]:
    """The output items after these entries, unfinished ones with what they have so far."""
    latest: dict[int, Entry] = {}  # by item, what opened or closed it
    deltas: dict[int, list[str]] = {}
    for entry in entries:
        if entry.kind in _SO_FAR:
            latest[entry.item] = entry
        elif entry.kind in (Kind.TEXT, Kind.ARGUMENTS):
            deltas.setdefault(entry.item, []).append(entry.data)
    return [
        _SO_FAR[entry.kind](facts.id, entry, "".join(deltas.get(index, ())))
        for index, entry in sorted(latest.items())
    ]


def closed(turn: UUID, entry: Entry) -> Item:
    """The finished item of an entry that closes one."""
    return _SO_FAR[entry.kind](turn, entry, "")


def _open_message(turn: UUID, entry: Entry, text: str) -> Item:
    return message(turn, entry.item, status="in_progress", content=[text_part(text)])


def _closed_message(turn: UUID, entry: Entry, _: str) -> Item:
    text, status = entry.data
    return message(turn, entry.item, status=status, content=[text_part(text)])


def _open_call(turn: UUID, entry: Entry, arguments: str) -> Item:
    _, name = entry.data
    return function_call(turn, entry.item, name=name, arguments=arguments, status="in_progress")


def _closed_call(turn: UUID, entry: Entry, _: str) -> Item:
    _, name, arguments, status = entry.data
    if status == "completed":
        arguments = arguments or NO_ARGUMENTS
    return function_call(turn, entry.item, name=name, arguments=arguments, status=status)


def _tool_output(turn: UUID, entry: Entry, _: str) -> Item:
    call, result, status = entry.data
    return function_call_output(turn, entry.item, call=call, output=result, status=status)


_SO_FAR = {
    Kind.OPEN_MESSAGE: _open_message,
    Kind.CLOSE_MESSAGE: _closed_message,
    Kind.OPEN_CALL: _open_call,
    Kind.CLOSE_CALL: _closed_call,
    Kind.TOOL_OUTPUT: _tool_output,
}
