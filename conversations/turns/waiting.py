"""A turn waits for an answer from outside: what it asks, and the answers, are in the ledger.

running -> waiting, in the commit of the response that asks; waiting -> queued, once all that it
asks is answered. It holds up the later turns of its conversation and nothing else, no worker
among them, and expires.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Now

from conversations.errors import AlreadyAnswered, Fenced, NotFound, StoreAway
from conversations.models import Conversation, ToolCall, Turn
from conversations.stores import store_for
from conversations.stores.base import NewMessage, Snapshot
from conversations.turns.cancellation import stop_waiting
from conversations.turns.closings import REFUSED
from conversations.turns.commits import settled
from conversations.turns.ledger import Asked, ask
from conversations.turns.locks import lock
from conversations.turns.outcomes import hint

EXPIRED = {"code": "expired", "message": "Nobody answered in time."}
AT_ONCE = 100  # turns that one sweep lets expire

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a call that waits.

    Where it asks for approval: whether it may be made; `output` tells the model why not. Where it
    asks for its result: `output` is the result, or tells what went wrong if not `approved`.
    """

    item: int
    approved: bool = True
    output: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The turn's true state after an answer, and how many calls still wait for theirs."""

    state: str
    waiting: int


def wait(
    turn_id: UUID,
    token: UUID,
    asked: Sequence[Asked],
    *,
    seconds: float,
    messages: Sequence[NewMessage] = (),
    usage: Mapping[str, Any] | None = None,
) -> bool:
    """Let a running turn wait, for so many seconds at most; its worker is done with it.

    `messages`: what of its last step is not stored yet. False: somebody wants it to stop, so it
    runs on, and has to be ended. Raises `Fenced` when the claim is lost.
    """

    def deed(_: bool) -> bool:
        with transaction.atomic():
            turn = lock(turn_id)
            if turn is None or turn.claim_token != token:
                raise Fenced
            if turn.waited == turn.attempt:
                return True  # an earlier try was committed
            if turn.state != Turn.State.RUNNING:
                raise Fenced
            _write(turn.conversation, messages)
            return _wait(turn, asked, seconds, usage)

    return settled(deed)


def _write(conversation: Conversation, messages: Sequence[NewMessage]) -> None:
    if messages:
        snapshot = Snapshot(conversation.id, conversation.version)
        store_for(conversation.agent).append(snapshot, messages)


def _wait(
    turn: Turn, asked: Sequence[Asked], seconds: float, usage: Mapping[str, Any] | None
) -> bool:
    if turn.cancel_requested != Turn.CancelRequest.NONE:
        return False
    ask(turn, asked)
    Turn.objects.filter(pk=turn.pk).update(
        state=Turn.State.WAITING,
        waited=F("attempt"),
        expires=Now() + Value(timedelta(seconds=seconds)),
        usage=usage,
    )
    log.info("turn_waits", turn=str(turn.pk), calls=len(asked))
    return True


def resume(turn_id: UUID, answers: Sequence[Answer]) -> Resumed:
    """Store answers; with the last of them the turn is queued again, and a worker is woken.

    The same answer may be given again. Raises `NotFound` where no such call ever asked, and
    `AlreadyAnswered` where it has another answer or its turn is over; then none is stored.
    """
    return settled(lambda _: _resume(turn_id, answers))


def _resume(turn_id: UUID, answers: Sequence[Answer]) -> Resumed:
    with transaction.atomic():
        turn = lock(turn_id)
        if turn is None:
            raise NotFound
        for answer in answers:
            _store(turn_id, answer)
        left = ToolCall.objects.filter(turn=turn, state=ToolCall.State.ASKED).count()
        if turn.state == Turn.State.WAITING and not left:
            _queue(turn)
    return Resumed(turn.state, left)


def _store(turn_id: UUID, answer: Answer) -> None:
    call = ToolCall.objects.filter(turn=turn_id, item=answer.item).first()
    if call is None or call.asks == ToolCall.Asks.CLIENT:  # its output comes as the next input
        raise NotFound
    state, result = _told(call, answer)
    if call.state == ToolCall.State.ASKED:
        ToolCall.objects.filter(pk=call.pk).update(state=state, result=result, answered=Now())
    elif call.answered is None or not _same(call, state, result):
        raise AlreadyAnswered


def _told(call: ToolCall, answer: Answer) -> tuple[ToolCall.State, dict[str, Any] | None]:
    """What the ledger says of the call from now on, as `runner.calls` tells it to the model."""
    if call.asks == ToolCall.Asks.RESULT:
        given = {"returned": {"return_value": answer.output}}
        return ToolCall.State.DONE, given if answer.approved else {"failed": answer.output}
    if answer.approved:
        return ToolCall.State.APPROVED, None
    return ToolCall.State.REFUSED, {"denied": answer.output or REFUSED}


def _same(call: ToolCall, state: ToolCall.State, result: dict[str, Any] | None) -> bool:
    """What was approved goes on to be made, so its state and its result move."""
    if state == ToolCall.State.APPROVED:
        return call.state != ToolCall.State.REFUSED
    return (call.state, call.result) == (state, result)


def _queue(turn: Turn) -> None:
    turn.state = Turn.State.QUEUED
    Turn.objects.filter(pk=turn.pk).update(state=turn.state, hinted_at=Now(), expires=None)
    hint(turn.conversation_id, turn.pool)


def expire() -> int:
    """End the waiting turns whose time is over, as failed; returns how many.

    One that cannot be ended holds up no other: it is for the next sweep, and while a store is
    away so are the other turns of that agent, for each would wait for it in vain.
    """
    over = Turn.objects.filter(state=Turn.State.WAITING, expires__lt=Now()).order_by("expires")
    ended, away = 0, set[str]()
    for turn_id, agent in over.values_list("pk", "conversation__agent")[:AT_ONCE]:
        if agent in away:
            continue
        try:
            ended += _expire(turn_id)
        except StoreAway as error:
            away.add(agent)
            log.warning("turn_not_expired", turn=str(turn_id), reason=str(error))
        except Exception:
            log.exception("turn_not_expired", turn=str(turn_id))
    return ended


def _expire(turn_id: UUID) -> bool:
    """Whether it was ended; what somebody works on just now is for the next sweep."""
    with transaction.atomic():
        if lock(turn_id, skip_locked=True) is None:
            return False
        over = Turn.objects.filter(pk=turn_id, state=Turn.State.WAITING, expires__lt=Now())
        turn = over.first()
        return turn is not None and bool(stop_waiting(turn, Turn.State.FAILED, error=EXPIRED))
