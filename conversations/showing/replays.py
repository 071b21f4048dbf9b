"""A turn's entries from its stored messages: what was shown, for as long as the rows live.

Pure: callers read the rows; the payloads are pydantic-ai's JSON, read without pydantic-ai.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from conversations.facts import TurnFacts
from conversations.traces import CLOSINGS, OPENINGS, Entry, Kind, merge, opening, rebuild

Payload = Mapping[str, Any]
Rows = Sequence[Sequence[int]]
OUTPUTS = ("tool-return", "retry-prompt")  # the second also without a tool: of a whole reply


def replay(
    facts: TurnFacts, messages: Iterable[tuple[Rows, Payload]], *, end: Entry | None = None
) -> tuple[Entry, ...]:
    """The entries of a turn that was claimed, from (trace, payload) of its messages.

    `end` is its END, if it has ended: number `Turn.last_event`, data from the row. A turn that
    ended before any claim was never in progress: its END has that number, 2.
    """
    rows: list[Sequence[int]] = []
    held: dict[int, list[str]] = {}
    for trace, payload in messages:
        rows += trace
        held |= contents(trace, payload)
    return merge(opening(facts), rebuild(rows, held), [end] if end else [])


def contents(trace: Rows, payload: Payload) -> dict[int, list[str]]:
    """What the items of one message hold; its items of a sort are its parts of it, in order."""
    items = {kind: _items(trace, kind) for kind in (Kind.TEXT, Kind.OPEN_CALL, Kind.TOOL_OUTPUT)}
    held: dict[int, list[str]] = {}
    for kind, content in _parts(payload):
        if (item := next(items[kind], None)) is not None:
            held[item] = content
    return held


def _items(trace: Rows, kind: Kind) -> Iterator[int]:
    return iter(sorted({row[2] for row in trace if row[1] == kind}))


def _parts(payload: Payload) -> Iterator[tuple[Kind, list[str]]]:
    for part in payload["parts"]:
        match part["part_kind"]:
            case "text" if part["content"]:  # nothing of an empty part is shown
                yield Kind.TEXT, [part["content"]]
            case "tool-call":
                call = [part["tool_call_id"], part["tool_name"], as_text(part["args"])]
                yield Kind.OPEN_CALL, call
    for _, *output in outputs(payload):
        yield Kind.TOOL_OUTPUT, output


def outputs(payload: Payload) -> list[tuple[str, str, str]]:
    """What a message tells of tool calls: (call id, output as people see it, status).

    `incomplete`: the call was not made, for a person refused it or nobody answered.
    """
    return [
        (
            part["tool_call_id"],
            as_text(part["content"]),
            "incomplete" if part.get("outcome") == "denied" else "completed",
        )
        for part in payload["parts"]
        if part["part_kind"] in OUTPUTS and part.get("tool_name")
    ]


def as_text(value: Any) -> str:
    """Arguments or a tool's result as people see them, the same before and after storing.

    PostgreSQL keeps no order of keys, so objects are written in sorted order.
    """
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def unfinished(entries: Iterable[Entry]) -> list[int]:
    """The items that were opened and not closed: what a dead attempt left behind."""
    opened: dict[int, None] = {}
    for entry in entries:
        if entry.kind in OPENINGS:
            opened[entry.item] = None
        elif entry.kind in CLOSINGS:
            opened.pop(entry.item, None)
    return list(opened)
