"""How turns ended: as somebody asked, or as the faults can have made them, and in no other way."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.people import Sent
from tests.chaos.records import MessageRow, Span, TurnRow

STATES = {"completed", "failed", "cancelled", "rolled_back"}
CRASHES = 5  # deaths of workers after which a turn is given up
STOPPED = {"cancelled": "cancel", "rolled_back": "rollback"}  # by what was asked for


def outcomes(
    turns: Sequence[TurnRow], sent: Mapping[str | None, Sent], *, frozen: Sequence[Span] = ()
) -> Iterator[str]:
    """One outcome each, and somebody or something is the cause of it."""
    for turn, later in with_later(turns):
        if turn.state not in STATES or turn.last_event is None:
            yield f"{turn.key}: no outcome, {turn.state}"
        if turn.state == "failed" and not may_fail(turn, frozen):
            yield f"{turn.prompt}: failed with {turn.code} after {turn.crashes} crashes"
        asked = asked_of(turn, later, sent)
        if turn.cancel not in asked | {"none"}:
            yield f"{turn.prompt}: flagged {turn.cancel}, asked was {asked}"
        if turn.state in STOPPED:
            yield from unasked(turn, asked)


def may_fail(turn: TurnRow, frozen: Sequence[Span]) -> bool:
    """Given up after so many deaths; or its worker stood still while it called the provider.

    That is too late then only where nobody else was there to take the turn over.
    """
    if turn.code == "worker_lost":
        return turn.crashes >= CRASHES
    woke = any(turn.started < end < turn.finished for _, end in frozen)
    return turn.code == "provider_timeout" and woke


def with_later(turns: Sequence[TurnRow]) -> Iterator[tuple[TurnRow, set[str]]]:
    """Each turn with the policies of those after it in its conversation."""
    policies: dict[Any, set[str]] = defaultdict(set)
    for turn in sorted(turns, key=lambda one: one.number, reverse=True):
        yield turn, policies[turn.conversation]
        policies[turn.conversation].add(turn.policy)


def asked_of(turn: TurnRow, later: set[str], sent: Mapping[str | None, Sent]) -> set[str]:
    """What people did that may have stopped it."""
    own = sent.get(turn.key)
    cancel = "interrupt" in later or (own is not None and own.cancelled)
    return ({"cancel"} if cancel else set()) | ({"rollback"} if "rollback" in later else set())


def unasked(turn: TurnRow, asked: set[str]) -> Iterator[str]:
    """What was never begun ends at once; whatever was is flagged first."""
    why = STOPPED[turn.state]
    if why not in asked or (turn.attempt and turn.cancel != why):
        yield f"{turn.prompt}: {turn.state}, asked was {asked}, flagged {turn.cancel}"


def policies(turns: Sequence[TurnRow], sent: Mapping[str | None, Sent]) -> Iterator[str]:
    """What a message does about those that were open when it was accepted.

    Both times were taken under the Conversation lock, so they tell which came first.
    """
    for conversation in by_conversation(turns):
        for number, turn in enumerate(conversation):
            own = sent.get(turn.key)
            if own is not None and own.policy != turn.policy:
                yield f"{turn.prompt}: sent with {own.policy}, has {turn.policy}"
            is_open = [
                one for one in conversation[:number] if one.finished and one.finished > turn.created
            ]
            alone = turn.policy == "reject" or (own is not None and own.version is not None)
            if alone and is_open:
                yield f"{turn.prompt}: accepted beside {[one.prompt for one in is_open]}"
            for one in is_open:
                if ignores(one, turn):
                    yield f"{one.prompt}: {one.state}, though {turn.prompt} was to {turn.policy}"


def by_conversation(turns: Sequence[TurnRow]) -> list[list[TurnRow]]:
    found: dict[Any, list[TurnRow]] = defaultdict(list)
    for turn in turns:
        found[turn.conversation].append(turn)
    return list(found.values())


def ignores(turn: TurnRow, stopping: TurnRow) -> bool:
    """Whether a turn that was open did not end as a later one wanted it.

    A rollback wins over everything; an interrupt may come too late for a reply that is there.
    """
    if stopping.policy == "rollback":
        return turn.state != "rolled_back"
    if stopping.policy != "interrupt" or turn.state in STOPPED:
        return False
    was_begun = turn.started is not None and turn.started < stopping.created
    return turn.cancel == "none" or not was_begun


def withdrawn(turns: Sequence[TurnRow], of_turn: Mapping[Any, list[MessageRow]]) -> Iterator[str]:
    """Of what was rolled back nothing is shown; of the rest, only what was cut off is not."""
    for turn in turns:
        visible = [one for one in of_turn[turn.id] if not one.retracted]
        if turn.state == "rolled_back" and visible:
            yield f"{turn.prompt}: rolled back, and {len(visible)} messages still show"
        for one in of_turn[turn.id]:
            if one.is_reply and one.retracted and turn.state != "rolled_back":
                yield f"{turn.prompt}: a whole reply is hidden"
            if one.is_partial and not one.retracted:
                yield f"{turn.prompt}: the model is shown a part of a reply"
