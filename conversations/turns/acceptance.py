"""A message is accepted: a turn is queued under the next number, or the reason is given."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Subquery

from conversations import counts, origins
from conversations.errors import (
    IdempotencyConflict,
    InvalidValue,
    NotFound,
    NotTheLast,
    RateLimited,
    ResponseInProgress,
    TooLarge,
    VersionConflict,
)
from conversations.ids import new_id
from conversations.models import Conversation, Policy, Turn
from conversations.stores import store_for
from conversations.turns import outputs
from conversations.turns.asking import Request
from conversations.turns.cancellation import stop
from conversations.turns.inputs import text_of
from conversations.turns.outcomes import Ended, hint
from conversations.turns.titles import title_of
from workers.observing import metrics
from workers.routing import API

STOPS = {
    Policy.INTERRUPT: Turn.CancelRequest.CANCEL,
    Policy.ROLLBACK: Turn.CancelRequest.ROLLBACK,
}

# The UPDATE waits for the Conversation lock, looks at the newest row, and counts; the INSERT sees
# only what it returned. max(number) + 1, NOT EXISTS and SELECT ... FOR UPDATE in a CTE all look
# through the statement's own view, which is older than the lock: each lets two in.
ACCEPT = """
WITH conversation AS (
    UPDATE conversations_conversation
    SET next_turn = next_turn + 1, open_turns = open_turns + 1, updated = clock_timestamp(),
        title = CASE WHEN title = '' AND stored THEN %(title)s ELSE title END
    WHERE id = %(conversation)s AND owner_id = %(owner)s
        AND (%(version)s::bigint IS NULL OR version = %(version)s::bigint)
        AND (%(number)s::int IS NULL OR next_turn = %(number)s::int)
        AND (NOT %(alone)s OR open_turns = 0) AND (%(stops)s OR open_turns < %(most)s)
    RETURNING id, owner_id, next_turn - 1 AS number, open_turns - 1 AS position
)
INSERT INTO conversations_turn (
    id, conversation_id, owner_id, number, state, policy, pool, input, request,
    origin, idempotency_key, request_hash, attempt, worker_name, crashes, cancel_requested, hinted_at,
    created
)
SELECT %(id)s, id, owner_id, number, 'queued', %(policy)s, %(pool)s, %(input)s::jsonb,
    %(request)s::jsonb, %(origin)s::jsonb, %(key)s, %(hash)s, 0, '', 0, 'none', clock_timestamp(), clock_timestamp()
FROM conversation
RETURNING *, (SELECT position FROM conversation) AS position
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What was queued."""

    turn: Turn  # with its conversation
    position: int  # open turns before it
    repeated: bool = False  # the key was used before, and this is what it led to
    ended: tuple[Ended, ...] = ()  # turns that an interrupt or rollback ended at once


def accept(
    conversation_id: UUID,
    owner_id: int,
    items: list[dict[str, Any]],
    *,
    idempotency_key: str | None = None,
    policy: str | None = None,
    expected_version: int | None = None,
    number: int | None = None,
    pool: str | None = None,
    tier: str = "auto",
    source: str = API,
    parameters: dict[str, Any] | None = None,
) -> Accepted:
    """Queue a turn; when this returns it is committed. A worker is woken after the commit.

    Without a policy the conversation's applies. `expected_version` and the policy `reject` also
    demand that no turn is open; `number`, that this becomes the turn's. Without a `pool` (a queue's
    name) `workers.routing` chooses it, by `tier` and `source` among others.
    `parameters` are kept as `Turn.request`. Raises `NotFound`, `VersionConflict`, `NotTheLast`,
    `ResponseInProgress`, `IdempotencyConflict`, `InvalidValue`, `TooLarge`, `RateLimited` (too many
    open). A conversation without a title takes that of its first message.
    A commit that reports failure may have happened: only a key makes it safe to ask again.
    """
    request = Request(
        conversation_id=conversation_id,
        owner_id=owner_id,
        items=items,
        key=idempotency_key,
        policy=policy,
        version=expected_version,
        number=number,
        pool=pool,
        tier=tier,
        source=source,
        parameters=parameters or {},
    )
    return _accept(request)


def _accept(request: Request) -> Accepted:
    conversation = _look_up(request)
    _check_size(request, conversation.agent)
    digest = request.digest(conversation.agent)
    entered = _repeated(request, conversation, digest) or _enter(request, conversation, digest)
    return entered or _answer_again(request, digest)


def _look_up(request: Request) -> Conversation:
    """The conversation, and `known`: the id of the turn that the key led to before."""
    same = Turn.objects.filter(owner=request.owner_id, idempotency_key=request.key)
    found = Conversation.objects.filter(pk=request.conversation_id, owner=request.owner_id)
    conversation = found.annotate(known=Subquery(same.values("pk")[:1])).first()
    if conversation is None:
        raise NotFound
    return conversation


def _check_size(request: Request, agent: str) -> None:
    """What is sure to be too large for its store; the last bytes are the store's to refuse."""
    largest = store_for(agent).largest
    if largest is None:
        return
    said = [text_of(request.items), *map(outputs.text, outputs.of(request.items))]
    if len(json.dumps(said)) > largest:
        raise TooLarge(f"A message has at most {largest} bytes here.", param="input")


def _repeated(request: Request, conversation: Conversation, request_hash: str) -> Accepted | None:
    known = vars(conversation)["known"]
    if request.key is None or known is None:
        return None
    turn = Turn.objects.select_related("conversation").filter(pk=known).first()
    if turn is None:  # it was deleted in this very moment
        return None
    if turn.request_hash != request_hash:
        raise IdempotencyConflict
    before = Turn.objects.filter(
        conversation=turn.conversation_id, number__lt=turn.number, state__in=Turn.OPEN
    )
    position = before.count()
    if turn.state == Turn.State.QUEUED and not position:
        hint(turn.conversation_id, turn.pool)  # whoever asks again may have lost the first one
    return Accepted(turn=turn, position=position, repeated=True)


def _enter(request: Request, conversation: Conversation, request_hash: str) -> Accepted | None:
    """The turn; None where the conversation is not as demanded, or the key was used meanwhile."""
    policy = request.policy or conversation.policy
    items = outputs.addressed(request.conversation_id, request.owner_id, request.items)
    values = {
        "id": new_id(),
        "conversation": request.conversation_id,
        "owner": request.owner_id,
        "version": request.version,
        "number": request.number,
        "title": "" if conversation.title else title_of(items),
        "alone": request.version is not None or policy == Policy.REJECT,
        "stops": policy in STOPS,
        "most": settings.OPEN_TURNS,
        "policy": policy,
        "pool": request.queue(conversation.agent),
        "input": json.dumps(items),
        "request": json.dumps(request.parameters),
        "origin": json.dumps(origins.here()),
        "key": request.key,
        "hash": request_hash,
    }
    try:
        with _transaction(policy, items):
            turn = next(iter(Turn.objects.raw(ACCEPT, values)), None)
            if turn is None:
                return None
            turn.conversation = conversation
            accepted = _queued(turn)
            outputs.enter(request.conversation_id, items)  # what it stops gave its own back
            return accepted
    except DataError as error:
        raise InvalidValue("This cannot be stored as text.", param="input") from error
    except IntegrityError:
        if request.key is None:
            raise
        return None


def _transaction(policy: str, items: list[dict[str, Any]]) -> AbstractContextManager[Any]:
    """Alone, the one statement is a transaction of its own, without two more round trips."""
    if policy in STOPS or outputs.of(items) or connection.in_atomic_block:
        return transaction.atomic()
    return nullcontext()


def _queued(turn: Turn) -> Accepted:
    """Stop what the policy stops, and wake a worker unless an open turn before it will do so.

    So a conversation has one hint under way, whatever it has queued, and others get their turn.
    """
    position: int = vars(turn)["position"]
    counts.accepted(turn)
    ended = _stop_others(turn) if turn.policy in STOPS else ()
    if position == len(ended):
        hint(turn.conversation_id, turn.pool)
    return Accepted(turn=turn, position=position - len(ended), ended=ended)


def _stop_others(turn: Turn) -> tuple[Ended, ...]:
    others = Turn.objects.filter(
        conversation=turn.conversation_id, number__lt=turn.number, state__in=Turn.OPEN
    )
    request = STOPS[Policy(turn.policy)]
    stopped = [stop(other, request) for other in others.order_by("number")]
    return tuple(ended for ended in stopped if ended)


def _answer_again(request: Request, request_hash: str) -> Accepted:
    """Nothing was queued: by now the key may be known; else say what is in the way."""
    conversation = _look_up(request)
    if accepted := _repeated(request, conversation, request_hash):
        return accepted
    if request.version is not None and conversation.version != request.version:
        raise VersionConflict(current=conversation.version)
    if request.number not in (None, conversation.next_turn):
        raise NotTheLast
    if conversation.open_turns >= settings.OPEN_TURNS:
        metrics.LIMITED.labels("open_turns").inc()
        raise RateLimited("Too many messages wait in this conversation; wait for an answer.")
    raise ResponseInProgress
