"""A past that a request brings along: which of its items are that, and how the model is told. Pure.

Items are as `Turn.input` keeps them. The agent's own are its messages and its calls of functions;
what comes from the other side are people's messages and what the functions returned.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from conversations.errors import InvalidValue
from conversations.turns import outputs
from conversations.turns.inputs import text_of

Item = dict[str, Any]
Placed = tuple[int, Item]  # with its place in the list that was sent


def is_agents(item: Item) -> bool:
    return item["type"] == "function_call" or item.get("role") == "assistant"


def calls(items: Iterable[Item]) -> list[Item]:
    """Those of the items that are calls."""
    return [item for item in items if item["type"] == "function_call"]


def halves(items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """What was said and answered, then what is asked: all that came after the agent's last item."""
    ends = (index for index in range(len(items), 0, -1) if is_agents(items[index - 1]))
    end = next(ends, 0)
    return items[:end], items[end:]


def check(items: Iterable[Placed], *, goes_on: bool) -> None:
    """Whether every call has its output before the agent speaks again, and every output its call.

    Where the request goes on from something, `goes_on`, what it asks may bring outputs of calls
    that were made there. Raises `InvalidValue`.
    """
    made: dict[str, int] = {}  # the calls among the agent's last items: places by call_id
    strangers: list[int] = []  # places of outputs that no call stands before
    for agents, run in groupby(items, key=lambda placed: is_agents(placed[1])):
        if agents:
            _refuse(strangers, "No function call stands before this output.")
            made = _places(run, "Another function call has this call_id.")
            continue
        given = _places(run, "This function call has an output already.")
        strangers = [place for call_id, place in given.items() if call_id not in made]
        made = {call_id: place for call_id, place in made.items() if call_id not in given}
        _refuse(made.values(), "This function call has no output after it.")
    _refuse(made.values(), "This function call has no output after it.")
    if not goes_on:
        _refuse(strangers, "No function call stands before this output.")


def _places(run: Iterable[Placed], twice: str) -> dict[str, int]:
    """Those of calls, or of outputs, by call_id; `twice` says why there may be but one of each."""
    found: dict[str, int] = {}
    for place, item in run:
        call_id = item.get("call_id")
        if call_id in found:
            _refuse([place], twice)
        if call_id:
            found[call_id] = place
    return found


def _refuse(places: Iterable[int], why: str) -> None:
    for place in places:
        raise InvalidValue(why, param=f"input[{place}]")


def turns_of(items: Sequence[Item]) -> list[list[Item]]:
    """The items of each turn that is entered: a message has its own, unless calls belong with it.

    A provider takes the calls of one response, and what they returned, together.
    """
    found: list[list[Item]] = []
    for _, run in groupby(items, key=is_agents):
        together = list(run)
        alone = all(item["type"] == "message" for item in together)
        found += [[item] for item in together] if alone else [together]
    return found


def told(items: Sequence[Item], tools: Mapping[str, str], *, at: str) -> dict[str, Any]:
    """The items of one turn as a pydantic-ai message.

    `tools` are the names of what was called, by call_id; `at` is when it was entered, ISO 8601.
    """
    if is_agents(items[0]):
        parts = [_said(item) for item in items]
        return {"kind": "response", "parts": parts, "timestamp": at}
    parts = [_returned(item, tools[item["call_id"]], at) for item in outputs.of(items)]
    if (text := text_of(items)) or not parts:
        parts.append({"part_kind": "user-prompt", "content": text, "timestamp": at})
    return {"kind": "request", "parts": parts}


def _said(item: Item) -> dict[str, Any]:
    if item["type"] == "message":
        return {"part_kind": "text", "content": text_of([item])}
    return {
        "part_kind": "tool-call",
        "tool_name": item["name"],
        "args": item["arguments"],
        "tool_call_id": item["call_id"],
    }


def _returned(item: Item, tool: str, at: str) -> dict[str, Any]:
    return {
        "part_kind": "tool-return",
        "tool_name": tool,
        "tool_call_id": item["call_id"],
        "content": outputs.text(item),
        "timestamp": at,
    }
