"""A running turn goes back to the queue: its worker died, or gives it back."""

from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.functions import Now

from conversations.models import Conversation, Turn
from conversations.traces import beginning
from conversations.turns.claims import CRASHES
from conversations.turns.commits import settled
from conversations.turns.locks import lock
from conversations.turns.outcomes import end, hint, worker_lost

QUARANTINE = "quarantine"
QUARANTINE_FROM = 2  # crashes

log = structlog.get_logger(__name__)


def requeue(turn_id: UUID, *, token: UUID, crashed: bool) -> str | None:
    """Queue a turn again whose claim `token` is dead. Returns the turn's state.

    None: nothing was done, for the claim is not the turn's any more, or somebody works on the
    conversation at this moment; the next sweep looks again.
    """
    return _requeue(turn_id, token, crashed=crashed, skip_locked=True)


def hand_back(
    turn_id: UUID, token: UUID, *, crashed: bool = False, wake: bool = True
) -> str | None:
    """The worker itself gives up its claim, at the last checkpoint. None: it was lost already.

    `crashed`: the turn seems to be to blame, so it counts, and nobody tries for ever. Without
    `wake` no worker hears of it: a sweep gives the hint, when it would count as lost.
    """
    return settled(
        lambda again: (
            _requeue(turn_id, token, crashed=crashed, skip_locked=False, wake=wake)
            or (_requeued(turn_id, token, wake=wake) if again else None)
        )
    )


def give_up(conversation_id: UUID, token: UUID) -> str | None:
    """Hand back what was claimed by `token`, if anything was: who claimed it never heard."""
    with transaction.atomic():
        # A claim whose commit is still under way has this lock.
        rows = Conversation.objects.select_for_update(no_key=True)
        rows.filter(pk=conversation_id).first()
        found = Turn.objects.filter(conversation=conversation_id, claim_token=token).first()
    return hand_back(found.pk, token) if found else None


def _requeue(
    turn_id: UUID, token: UUID, *, crashed: bool, skip_locked: bool, wake: bool = True
) -> str | None:
    with transaction.atomic():
        turn = lock(turn_id, skip_locked=skip_locked)
        if turn is None or (turn.state, turn.claim_token) != (Turn.State.RUNNING, token):
            return None
        crashes = turn.crashes + crashed
        if crashes > CRASHES:  # it killed even the worker that was only to end it
            last_event = beginning(turn.attempt + 1)  # how far its log went is not known here
            ended = end(turn_id, worker_lost(last_event=last_event), token=token)
            return ended.state if ended else None
        pool = QUARANTINE if crashes >= QUARANTINE_FROM else turn.pool
        held = Turn.objects.filter(pk=turn_id)
        held.update(state=Turn.State.QUEUED, crashes=crashes, pool=pool, hinted_at=Now())
        if wake:
            hint(turn.conversation_id, pool)
    log.info("turn_requeued", turn=str(turn_id), crashes=crashes, crashed=crashed, pool=pool)
    return str(Turn.State.QUEUED)


def _requeued(turn_id: UUID, token: UUID, *, wake: bool) -> str | None:
    """What an earlier try did, if it was committed and only its reply was lost, and the hint."""
    turn = Turn.objects.filter(pk=turn_id, claim_token=token, state=Turn.State.QUEUED).first()
    if turn is None:
        return None
    if wake:
        hint(turn.conversation_id, turn.pool)
    return str(Turn.State.QUEUED)
