"""What people saw, event by event and in snapshots, beside what is stored."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.chaos.people import RestlessTab
from tests.chaos.records import MessageRow, TurnRow
from tests.system.tab import Response

ENDINGS = {"completed": "response.completed", "failed": "response.failed"}
STATUSES = {"completed": "completed", "failed": "failed", "cancelled": "cancelled"}
RESTART = 2**20  # events; an attempt begins with a multiple of it where the log is lost
OPENING = 2  # the number of the last event before the model says anything

Of = Mapping[Any, Sequence[MessageRow]]


def saw(
    tab: RestlessTab, turns: Mapping[str, TurnRow], of_turn: Of, *, lost_logs: int
) -> Iterator[str]:
    """Every text is the stored one, character by character; numbers have no gap."""
    told = told_by_snapshots(tab)
    for response, seen in tab.responses.items():
        turn = turns.get(response)
        if turn is None:
            yield f"saw {response}, which does not exist"
        elif not seen.told:
            yield from differs(turn, seen, of_turn[turn.id], lost_logs=lost_logs)
        elif response not in told:
            if turn.state != "rolled_back" and not any(has_more(tab)):
                yield f"{turn.prompt}: vanished from a snapshot, is {turn.state}"
        elif seen.final != ENDINGS.get(turn.state, "response.incomplete"):
            yield f"{turn.prompt}: a snapshot told {seen.final}, is {turn.state}"
    for snapshot in snapshots(tab):
        yield from untrue(snapshot, turns, of_turn)
    yield from tab.broken


def snapshots(tab: RestlessTab) -> Iterator[dict[str, Any]]:
    return (frame for frame in tab.frames if frame["type"] == "agentsite:snapshot")


def told_by_snapshots(tab: RestlessTab) -> set[str]:
    return {told["response_id"] for one in snapshots(tab) for told in one["responses"]}


def has_more(tab: RestlessTab) -> Iterator[bool]:
    return (bool(one["has_more"]) for one in snapshots(tab))


def differs(
    turn: TurnRow, seen: Response, messages: Sequence[MessageRow], *, lost_logs: int
) -> Iterator[str]:
    stored = "".join(one.text for one in messages if one.kind == "response")
    if seen.text != stored:
        yield f"{turn.prompt}: seen {seen.text!r}, stored {stored!r}"
    if seen.final != ENDINGS.get(turn.state, "response.incomplete"):
        yield f"{turn.prompt}: seen {seen.final}, is {turn.state}"
    if seen.numbers[-1:] != [turn.last_event]:
        yield f"{turn.prompt}: last event {seen.numbers[-1:]}, is {turn.last_event}"
    for before, after in pairwise(seen.numbers):
        if after != before + 1 and not is_permitted(turn, before, after, lost_logs=lost_logs):
            yield f"{turn.prompt}: numbers jump from {before} to {after}"


def is_permitted(turn: TurnRow, before: int, after: int, *, lost_logs: int) -> bool:
    """A later attempt found no log: Redis had lost it, or the one before died before it had one.

    Who gives a turn up in the end cannot look at the log: it counts as one attempt more.
    """
    attempt, rest = divmod(after, RESTART)
    attempts = turn.attempt + (turn.code == "worker_lost")
    return rest == 0 and 2 <= attempt <= attempts and (lost_logs > 0 or before <= OPENING)


# --- Snapshots ----------------------------------------------------------------------------


def untrue(snapshot: Mapping[str, Any], turns: Mapping[str, TurnRow], of_turn: Of) -> Iterator[str]:
    """What a snapshot told of a turn that had ended is what is stored, for nothing is rewritten."""
    for told in snapshot["responses"]:
        turn = turns.get(told["response_id"])
        if turn is None:
            yield f"a snapshot told {told['response_id']}, which does not exist"
            continue
        what = told["status"], told["sequence_number"]
        if what != (STATUSES.get(turn.state), turn.last_event):
            yield f"{turn.prompt}: a snapshot told {what}, is {turn.state}, {turn.last_event}"
        items = [one for one in snapshot["items"] if one["response_id"] == turn.response]
        shown, stored = shown_in(items), stored_in(turn, of_turn[turn.id])
        if shown != stored:
            yield f"{turn.prompt}: a snapshot told {shown}, stored are {stored}"


def shown_in(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Role and text of all that is said, and the tools' outputs."""
    shown = []
    for item in items:
        if item["type"] == "message":
            text = "".join(part["text"] for part in item["content"])
            shown += [(item["role"], text)] if text else []
        elif item["type"] == "function_call_output":
            shown.append(("tool", item["output"]))
    return shown


def stored_in(turn: TurnRow, messages: Sequence[MessageRow]) -> list[tuple[str, str]]:
    stored = [("user", turn.prompt)]
    for message in messages:
        if message.kind == "response":
            stored += [("assistant", message.text)] if message.text else []
        else:
            stored += [("tool", output) for output in outputs(message)]
    return stored


def outputs(message: MessageRow) -> Iterator[str]:
    """The tools' results that were shown: what a cut left open is answered unseen."""
    for part in message.payload["parts"]:
        if part["part_kind"] == "tool-return":
            content = part["content"]
            yield content if isinstance(content, str) else json.dumps(content, sort_keys=True)
