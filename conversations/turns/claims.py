"""A worker claims the oldest queued turn of a conversation; its input enters the transcript."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from conversations import counts, hints
from conversations.errors import Buried, Unstorable
from conversations.models import Conversation, Message, Turn
from conversations.stores import store_for
from conversations.stores.base import NewMessage, Snapshot
from conversations.turns.commits import settled
from conversations.turns.inputs import entering
from conversations.turns.outcomes import Outcome, hint, worker_lost
from workers.models import WorkerProcess

CRASHES = 5  # a turn that has killed so many workers is not tried again

# Both locks in one round trip. FOR KEY SHARE holds up the DELETE that buries this worker, but not
# the UPDATE that renews its lease. A row that was deleted while this waited is no row.
LOCK = """
SELECT conversation.*, worker.name AS worker_name
FROM conversations_conversation AS conversation, workers_workerprocess AS worker
WHERE conversation.id = %s AND worker.id = %s
FOR NO KEY UPDATE OF conversation FOR KEY SHARE OF worker
"""
# Turns are claimed in their order, so one that runs or waits is always the oldest open.
TAKE = """
UPDATE conversations_turn AS turn SET
    state = 'running', claim_token = %(token)s, attempt = attempt + 1,
    worker = %(worker)s, worker_name = %(name)s, started = COALESCE(started, clock_timestamp())
WHERE state = 'queued' AND pool = ANY(%(serves)s) AND id = (
    SELECT id FROM conversations_turn
    WHERE conversation_id = %(conversation)s AND state IN ('queued', 'running', 'waiting')
    ORDER BY number LIMIT 1
)
RETURNING *
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A turn that this worker runs for as long as `token` is the turn's."""

    turn_id: UUID
    conversation_id: UUID
    owner_id: int
    agent: str
    number: int
    attempt: int
    token: UUID
    pool: str
    base_version: int  # of the transcript before the claim
    version: int  # after it
    wrote: tuple[NewMessage, ...]  # what lies between
    next_step: int  # of this turn's next message
    metadata: dict[str, Any]  # the conversation's
    created: datetime
    request: dict[str, Any]  # the parameters that came with it, as `Turn.request` has them
    origin: dict[str, str] = field(default_factory=dict)  # as `origins` has it
    has_waited: bool = False  # until now: the rows have all that was shown
    notices: Sequence[str] = ()  # that were given before it waited
    ending: Outcome | None = None  # ask nobody: close the log and end the turn like this


def claim(
    conversation_id: UUID,
    worker_id: UUID,
    *,
    pool: str,
    serves: Collection[str] = (),
    token: UUID | None = None,
) -> Claim | None:
    """Claim what is to be answered next; None when nothing is, or not by this worker.

    `pool` is the queue that the hint came from; `serves`, what else this worker serves. Who gives
    the `token`, a new one, can `give_up` what was claimed and never heard of.
    Raises `Buried` when this worker was declared dead: it must abandon its turns.
    """
    own = token or uuid4()  # made once: a claim whose commit is in doubt is known by it again
    try:
        return settled(lambda _: _claim(conversation_id, worker_id, own, {pool, *serves}))
    except Buried:
        hints.wake(conversation_id, pool)  # the hint that brought us here is spent
        raise


def _claim(
    conversation_id: UUID, worker_id: UUID, token: UUID, serves: Collection[str]
) -> Claim | None:
    with transaction.atomic():
        conversation = _lock(conversation_id, worker_id)
        if conversation is None:
            return None
        if turn := _take(conversation, worker_id, token, serves):
            counts.claimed(turn)
            return _made(conversation, turn, () if turn.attempt > 1 else (entering(turn),))
        turn = _oldest_open(conversation_id)
        if turn and turn.claim_token == token:  # an earlier try was committed
            return _made(conversation, turn, ())
        if turn and turn.state == Turn.State.QUEUED:
            Turn.objects.filter(pk=turn.pk).update(hinted_at=Now())
            hint(conversation_id, turn.pool)
    return None


def _lock(conversation_id: UUID, worker_id: UUID) -> Conversation | None:
    rows = list(Conversation.objects.raw(LOCK, [conversation_id, worker_id]))
    if not rows and not WorkerProcess.objects.filter(pk=worker_id).exists():
        raise Buried
    return rows[0] if rows else None


def _take(
    conversation: Conversation, worker_id: UUID, token: UUID, serves: Collection[str]
) -> Turn | None:
    values = {
        "conversation": conversation.pk,
        "worker": worker_id,
        "name": vars(conversation)["worker_name"],
        "token": token,
        "serves": list(serves),
    }
    return next(iter(Turn.objects.raw(TAKE, values)), None)


def _oldest_open(conversation_id: UUID) -> Turn | None:
    return (
        Turn.objects.filter(conversation=conversation_id, state__in=Turn.OPEN)
        .order_by("number")
        .first()
    )


def _made(conversation: Conversation, turn: Turn, wrote: tuple[NewMessage, ...]) -> Claim:
    """The claim, after what it adds has entered the transcript."""
    snapshot = Snapshot(conversation.id, conversation.version)
    ending = _ending(turn)
    if wrote:
        try:
            snapshot = store_for(conversation.agent).append(snapshot, wrote)
        except Unstorable as error:
            wrote, ending = (), ending or Outcome(state=Turn.State.FAILED, error=error.told())
    assert turn.claim_token is not None
    return Claim(
        turn_id=turn.id,
        conversation_id=conversation.id,
        owner_id=turn.owner_id,
        agent=conversation.agent,
        number=turn.number,
        attempt=turn.attempt,
        token=turn.claim_token,
        pool=turn.pool,
        base_version=conversation.version,
        version=snapshot.version,
        wrote=wrote,
        next_step=_next_step(turn),
        metadata=conversation.metadata,
        created=turn.created,
        has_waited=turn.waited == turn.attempt - 1,
        notices=turn.notices,
        request=turn.request,
        origin=turn.origin,
        ending=ending,
    )


def _next_step(turn: Turn) -> int:
    """After what the model sees of it; a first attempt finds nothing but the input."""
    if turn.attempt == 1:
        return 1
    kept = Message.objects.filter(turn=turn, retracted=False)
    return (kept.aggregate(last=Max("step"))["last"] or 0) + 1


def _ending(turn: Turn) -> Outcome | None:
    """Only the holder of a claim can close a log, so what was running is ended by another claim."""
    if turn.cancel_requested in (Turn.CancelRequest.CANCEL, Turn.CancelRequest.STEER):
        return Outcome(state=Turn.State.CANCELLED)
    if turn.cancel_requested == Turn.CancelRequest.ROLLBACK:
        return Outcome(state=Turn.State.ROLLED_BACK)
    if turn.crashes >= CRASHES:
        return worker_lost()
    return None
