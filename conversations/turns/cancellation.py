"""Stopping turns, and how the workers that run them learn of it."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from conversations import hints
from conversations.errors import NotFound
from conversations.models import Turn
from conversations.stores import store_for
from conversations.traces import beginning, following
from conversations.turns.closings import closing
from conversations.turns.locks import lock
from conversations.turns.outcomes import Ended, Outcome, end

OUTCOMES = {
    Turn.CancelRequest.CANCEL: Turn.State.CANCELLED,
    Turn.CancelRequest.ROLLBACK: Turn.State.ROLLED_BACK,
    Turn.CancelRequest.STEER: Turn.State.CANCELLED,  # and says that it was steered
}
# One text as parameter, however many turns: it is put together ten times a second.
WATCH = """
SELECT id, state, claim_token, cancel_requested FROM conversations_turn WHERE id = ANY(%s::uuid[])
"""


class Look(NamedTuple):
    """What a worker must know of a turn that it runs."""

    state: str
    token: UUID | None
    cancel_requested: str


def cancel(turn_id: UUID, *, rollback: bool = False) -> str:
    """Stop a turn; returns its true state afterwards. Raises `NotFound`.

    What was never begun, or waits, ends at once. What has a log is only flagged, for the worker
    that holds the claim, or gets the next one, ends it with what people have seen.
    """
    request = Turn.CancelRequest.ROLLBACK if rollback else Turn.CancelRequest.CANCEL
    with transaction.atomic():
        turn = lock(turn_id)
        if turn is None:
            raise NotFound
        ended = stop(turn, request)
    return ended.state if ended else turn.state


def stop(turn: Turn, request: Turn.CancelRequest) -> Ended | None:
    """End or flag a turn that was read under the Conversation lock, which is still held."""
    if turn.state in Turn.ENDED:
        return None
    if turn.state == Turn.State.WAITING:
        return stop_waiting(turn, OUTCOMES[request])
    if not turn.attempt:
        return end(turn.id, Outcome(state=OUTCOMES[request]), token=None)
    flagged = Turn.objects.filter(pk=turn.pk)
    flagged.exclude(cancel_requested=Turn.CancelRequest.ROLLBACK).update(cancel_requested=request)
    if turn.state == Turn.State.RUNNING:
        transaction.on_commit(partial(hints.stop, turn.pk), robust=True)
    return None


def stop_waiting(
    turn: Turn, state: Turn.State, *, error: dict[str, Any] | None = None
) -> Ended | None:
    """End a turn that waits; the Conversation lock is held."""
    outcome = Outcome(
        state=state,
        messages=closing(turn),
        error=error,
        usage=turn.usage,
        last_event=_after_all_shown(turn),
    )
    return end(turn.id, outcome, token=None)


def _after_all_shown(turn: Turn) -> int:
    """The number of the last event; what waits has shown no more than its messages tell.

    Where they are gone, it lies beyond whatever this attempt can have shown.
    """
    told = store_for(turn.conversation.agent).told(turn.conversation_id, [turn.pk])
    if not (messages := told.get(turn.pk)):
        return beginning(turn.attempt + 1)
    return following(chain.from_iterable(message.trace for message in messages))


def watch(turn_ids: Sequence[UUID]) -> dict[UUID, Look]:
    """One query for all the turns of a worker, asked every 100 ms; a deleted one is missing."""
    asked = ",".join(map(str, turn_ids))
    with connection.cursor() as cursor:
        cursor.execute(WATCH, [f"{{{asked}}}"])
        return {turn_id: Look(*seen) for turn_id, *seen in cursor.fetchall()}
