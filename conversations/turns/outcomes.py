"""How a turn ends: one function and one transaction for every outcome."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Now

from conversations import counts, hints
from conversations.errors import Unstorable
from conversations.models import Conversation, ToolCall, Turn
from conversations.stores import store_for
from conversations.stores.base import NewMessage, Snapshot
from conversations.turns import outputs
from conversations.turns.commits import settled
from conversations.turns.inputs import entering
from conversations.turns.ledger import Asked, ask

STEERED = {"code": "steered", "message": "More input came; the next response goes on with it."}
CUT = {"code": "max_output_tokens", "message": "The reply came to its greatest length."}
INPUT = [0, 0]  # attempt and step of the message that holds it; there only after a claim
UNOPENED = 2  # number of the final event where no log was opened: created, queued, final

# Takes the Conversation lock, so it comes first, and counts in the same statement. The sub-select
# may be older than the lock, but a turn never changes its conversation. Where no turn is open, a
# zombie asks.
COUNT_DOWN = """
UPDATE conversations_conversation SET open_turns = open_turns - 1
WHERE id = (SELECT conversation_id FROM conversations_turn WHERE id = %s) AND open_turns > 0
RETURNING *
"""
# The fence, the outcome and what must be known of the turn in one statement: only a new statement
# sees a flag that was set while COUNT_DOWN waited. A rollback that was asked for wins over all.
CLOSE = """
UPDATE conversations_turn AS turn SET
    state = CASE cancel_requested WHEN 'rollback' THEN 'rolled_back' ELSE %(state)s END,
    error = CASE WHEN cancel_requested = 'steer' AND %(state)s = 'cancelled'
        THEN %(steered)s::jsonb ELSE %(error)s::jsonb END,
    usage = %(usage)s::jsonb, notices = COALESCE(%(notices)s::jsonb, notices),
    last_event = %(last_event)s,
    first_token = COALESCE(first_token, %(first_token)s::timestamptz),
    finished = clock_timestamp()
WHERE id = %(turn)s AND CASE WHEN %(token)s::uuid IS NULL THEN state IN ('queued', 'waiting')
    ELSE state = 'running' AND claim_token = %(token)s::uuid END
RETURNING *, ARRAY(
    SELECT ARRAY[attempt, step] FROM conversations_message AS message
    WHERE message.turn_id = turn.id
) AS steps
"""
# The next to be answered gets the hint; claims go by number, so it is the oldest.
NEXT = """
UPDATE conversations_turn SET hinted_at = clock_timestamp() WHERE id = (
    SELECT id FROM conversations_turn WHERE conversation_id = %s AND state = 'queued'
    ORDER BY number LIMIT 1
) RETURNING id, pool
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a turn is to end. `messages`: what its last step said; a partial is retracted."""

    state: str  # one of Turn.ENDED
    messages: Sequence[NewMessage] = ()
    error: dict[str, Any] | None = None  # code, message
    usage: dict[str, Any] | None = None
    last_event: int = UNOPENED
    first_token: datetime | None = None
    notices: Sequence[str] | None = None  # beside the answer, for the person; None: as they were
    asked: Sequence[Asked] = ()  # a client's own functions, left to it by a completed reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it did end, as the rows have it."""

    turn_id: UUID
    state: str
    version: int  # of the conversation, after it
    finished: datetime
    last_event: int
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    notices: Sequence[str]


def end(turn_id: UUID, outcome: Outcome, *, token: UUID | None) -> Ended | None:
    """End a running turn by the token of its claim, or by None one that is queued or waiting.

    None: it has ended already, or another claim has it. What is retracted, the version, the
    counters and the hint for the next turn are part of the same commit. A reply that cannot be
    stored, because its transcript is gone or it is too large, has failed.
    """
    try:
        return _settle(turn_id, outcome, token)
    except Unstorable as error:
        failed = replace(outcome, state=Turn.State.FAILED, messages=(), error=error.told())
        return _settle(turn_id, failed, token)


def _settle(turn_id: UUID, outcome: Outcome, token: UUID | None) -> Ended | None:
    return settled(
        lambda again: _end(turn_id, outcome, token) or (_ended(turn_id, token) if again else None)
    )


def worker_lost(*, last_event: int = UNOPENED) -> Outcome:
    """The end of a turn that nobody dares to run again."""
    error = {"code": "worker_lost", "message": "Every worker that ran this turn was lost."}
    return Outcome(state=Turn.State.FAILED, error=error, last_event=last_event)


def hint_next(conversation_id: UUID) -> None:
    """After this commit wake a worker for the oldest queued turn, if there is one."""
    for turn in Turn.objects.raw(NEXT, [conversation_id]):
        hint(conversation_id, turn.pool)


def hint(conversation_id: UUID, pool: str) -> None:
    """After this commit wake a worker of the pool."""
    transaction.on_commit(lambda: hints.wake(conversation_id, pool), robust=True)


def _end(turn_id: UUID, outcome: Outcome, token: UUID | None) -> Ended | None:
    with transaction.atomic():
        conversation = next(iter(Conversation.objects.raw(COUNT_DOWN, [turn_id])), None)
        turn = _close(turn_id, outcome, token) if conversation else None
        if conversation is None or turn is None:
            transaction.set_rollback(True)  # the count
            return None
        counts.ended(turn, conversation.agent)
        version = _write(conversation, turn, outcome.messages)
        calls = ToolCall.objects.filter(turn=turn)
        if turn.attempt and turn.state != Turn.State.COMPLETED:
            _leave(calls)
        elif turn.waited:  # its tool may have gone meanwhile
            _leave(calls.filter(state=ToolCall.State.APPROVED))
        if turn.state == Turn.State.COMPLETED and outcome.asked:
            ask(turn, outcome.asked)
        if turn.state == Turn.State.ROLLED_BACK or INPUT not in vars(turn)["steps"]:
            outputs.take_back(turn)
        if turn.attempt and conversation.open_turns:  # one never claimed did not hold up others
            hint_next(conversation.id)
    return _seen(turn, version=version)


def _leave(calls: QuerySet[ToolCall]) -> None:
    """Of calls that were begun nobody knows what became; the others are never made."""
    begun, to_come = ToolCall.State.STARTED, (ToolCall.State.ASKED, ToolCall.State.APPROVED)
    calls.filter(state__in=(begun, *to_come)).update(
        state=Case(
            When(state=begun, then=Value(ToolCall.State.UNKNOWN)),
            default=Value(ToolCall.State.DROPPED),
        ),
        finished=Now(),
    )


def _close(turn_id: UUID, outcome: Outcome, token: UUID | None) -> Turn | None:
    values = {
        "turn": turn_id,
        "token": token,
        "state": outcome.state,
        "error": _json(outcome.error),
        "steered": _json(STEERED),
        "usage": _json(outcome.usage),
        "notices": _json(outcome.notices),
        "last_event": outcome.last_event,
        "first_token": outcome.first_token,
    }
    return next(iter(Turn.objects.raw(CLOSE, values)), None)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _write(conversation: Conversation, turn: Turn, messages: Sequence[NewMessage]) -> int:
    """Bring the transcript to its last state; returns the version. The lock is held."""
    there = {(attempt, step) for attempt, step in vars(turn)["steps"]}
    left = [new for new in messages if (new.key.attempt, new.key.step) not in there]
    if not turn.attempt:
        left.insert(0, entering(turn, retracted=True))
    store = store_for(conversation.agent)
    snapshot = Snapshot(conversation.id, conversation.version)
    if left:
        try:
            snapshot = store.append(snapshot, left)
        except Unstorable:
            if turn.state == Turn.State.COMPLETED:
                raise
    if turn.attempt and turn.state == Turn.State.ROLLED_BACK:
        snapshot = store.retract(snapshot, turn.id)
    return snapshot.version


def _ended(turn_id: UUID, token: UUID | None) -> Ended | None:
    """What an earlier try did, if it was committed and only its reply was lost, and the hint."""
    turns = Turn.objects.select_related("conversation")
    turn = turns.filter(pk=turn_id, claim_token=token, state__in=Turn.ENDED).first()
    if turn is None:
        return None
    conversation = turn.conversation
    if conversation.open_turns:
        hint_next(conversation.id)
    return _seen(turn, version=conversation.version)


def _seen(turn: Turn, *, version: int) -> Ended:
    assert turn.finished is not None
    assert turn.last_event is not None
    return Ended(
        turn_id=turn.id,
        state=turn.state,
        version=version,
        finished=turn.finished,
        last_event=turn.last_event,
        usage=turn.usage,
        error=turn.error,
        notices=turn.notices,
    )
