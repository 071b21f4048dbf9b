"""What others have noted of us: every call that a provider was paid for, every tool's effect."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.people import TOOLS
from tests.chaos.records import MessageRow, TurnRow
from tests.provider.script import chain

Messages = Mapping[Any, list[MessageRow]]
# A worker can claim in the moment before it learns that its session broke with PostgreSQL's crash.
CUTS_OF_ONE_FAULT = 2  # of one turn


def chains(turns: Sequence[TurnRow], of_turn: Messages) -> Iterator[str]:
    """Every reply is the hash of exactly the history before it, and every part its beginning."""
    histories: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for turn in turns:
        history = histories[turn.conversation]
        yield from unlike(turn, of_turn[turn.id], history)
        visible = [one for one in of_turn[turn.id] if not one.retracted]
        history.extend(sent for message in visible for sent in as_sent(message))
        if turn.state == "completed" and not whole(turn, visible):
            yield f"{turn.prompt}: completed with {[one.kind for one in visible]}"


def unlike(
    turn: TurnRow, messages: Sequence[MessageRow], before: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """A turn's own texts; what was rolled back had the same history as if it had not been."""
    history = list(before)
    for message in messages:
        expected = "".join(f"{link} " for link in chain(history))
        if message.is_partial:
            if not expected.startswith(message.text):
                yield f"{turn.prompt}: {message.text!r} is no beginning of {expected!r}"
            continue
        if message.kind == "response" and message.text not in ("", expected):
            yield f"{turn.prompt}: {message.text!r} is not {expected!r}"
        history.extend(as_sent(message))


def as_sent(message: MessageRow) -> Iterator[dict[str, Any]]:
    """What the provider is sent of a message later."""
    if message.kind == "response":
        yield {"role": "assistant", "content": message.text or None}
        return
    for part in message.payload["parts"]:
        role = {"user-prompt": "user", "tool-return": "tool"}[part["part_kind"]]
        failed = part.get("outcome") == "failed"  # told as pydantic-ai tells it
        yield {"role": role, "content": compact(part["content"]) if failed else part["content"]}


def compact(error: str) -> str:
    return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":"))


def whole(turn: TurnRow, visible: list[MessageRow]) -> bool:
    """A message and its reply; with tools, the calls and both results stand between them."""
    kinds = [one.kind for one in visible]
    if not turn.prompt.startswith(TOOLS):
        return kinds == ["request", "response"]
    results = [one for message in visible[2:-1] for one in as_sent(message)]
    between = {one.kind for one in visible[2:-1]} == {"request"}
    return between and len(results) == 2 and kinds[1 :: len(kinds) - 2] == ["response", "response"]


def paid(turns: Sequence[TurnRow], of_turn: Messages, calls: Counter[str]) -> Iterator[str]:
    """A call for each reply that is stored, one for each attempt that was cut off, and no more.

    An attempt stores what one call said before it makes the next. Its last call may be lost: that
    of an attempt that was cut off, or was stopped.
    """
    for turn in turns:
        stored = sum(one.is_reply for one in of_turn[turn.id])
        unfinished = turn.attempt - (turn.state == "completed")
        if not stored <= calls[turn.prompt] <= stored + unfinished:
            yield (
                f"{turn.prompt}: {calls[turn.prompt]} calls in {turn.attempt} attempts,"
                f" {stored} replies are stored, {turn.state}"
            )


def attempts(turns: Sequence[TurnRow], *, faults: int) -> Iterator[str]:
    """Only a fault cuts an attempt off, and one fault at most what runs: a turn a conversation."""
    most = CUTS_OF_ONE_FAULT * faults
    for turn in turns:
        if turn.attempt > 1 + most:
            yield f"{turn.prompt}: {turn.attempt} attempts with {faults} faults"
    cut = sum(turn.attempt - 1 for turn in turns if turn.attempt)
    if cut > most * len({turn.conversation for turn in turns}):
        yield f"{cut} attempts were cut off by {faults} faults"


def effects(turns: Sequence[TurnRow], done: Counter[tuple[str, str]]) -> Iterator[str]:
    """No effect twice, but under its own key, and only of a tool that says that it may."""
    of_id = {turn.id.hex: turn.attempt for turn in turns}
    of_turn: Counter[tuple[str, str]] = Counter()
    for (tool, key), times in done.items():
        turn = key.split(":")[0]
        of_turn[turn, tool] += 1
        if times > (of_id.get(turn, 0) if tool == "look" else 1):
            yield f"{tool} {key}: {times} effects in {of_id.get(turn, 0)} attempts"
    for (turn, tool), keys in of_turn.items():
        if keys > 1:
            yield f"{tool} of {turn}: asked once, has {keys} keys"
