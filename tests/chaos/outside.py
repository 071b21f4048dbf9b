"""What others have noted of us: every call that a provider was paid for, every tool's effect."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.people import TOOLS
from tests.chaos.records import MessageRow, TurnRow
from tests.provider.script import chain

Messages = Mapping[Any, list[MessageRow]]


def chains(turns: Sequence[TurnRow], of_turn: Messages) -> Iterator[str]:
    """Every reply is the hash of exactly the history that stands before it."""
    histories: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for turn in turns:
        history = histories[turn.conversation]
        visible = [one for one in of_turn[turn.id] if not one.retracted]
        for message in visible:
            if message.kind == "response" and message.text:
                expected = "".join(f"{link} " for link in chain(history))
                if message.text != expected:
                    yield f"{turn.prompt}: {message.text!r} is not {expected!r}"
            history.extend(as_sent(message))
        if turn.state == "completed" and not whole(turn, visible):
            yield f"{turn.prompt}: completed with {[one.kind for one in visible]}"


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


def paid(turns: Sequence[TurnRow], calls: Counter[str], *, faults: int) -> Iterator[str]:
    """One call for each response and each attempt that was cut off; without faults none is."""
    for turn in turns:
        attempts = turn.attempt if faults else 1
        most = attempts + turn.prompt.startswith(TOOLS)  # then it takes two responses
        if turn.attempt > attempts:
            yield f"{turn.prompt}: {turn.attempt} attempts without a fault"
        if calls[turn.prompt] > most:
            yield f"{turn.prompt}: {calls[turn.prompt]} calls in {turn.attempt} attempts"
        if turn.state == "completed" and not calls[turn.prompt]:
            yield f"{turn.prompt}: completed without a call"


def effects(
    turns: Sequence[TurnRow], done: Counter[tuple[str, str]], *, faults: int
) -> Iterator[str]:
    """No effect twice, but under its own key, and only of a tool that says that it may."""
    attempts = {turn.id.hex: turn.attempt for turn in turns}
    of_turn: Counter[tuple[str, str]] = Counter()
    for (tool, key), times in done.items():
        turn = key.split(":")[0]
        of_turn[turn, tool] += 1
        if times > (attempts[turn] if tool == "look" and faults else 1):
            yield f"{tool} {key}: {times} effects in {attempts[turn]} attempts"
    for (turn, tool), keys in of_turn.items():
        if keys > 1:
            yield f"{tool} of {turn}: asked once, has {keys} keys"
