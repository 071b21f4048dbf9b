"""A turn waits for an answer from outside: what it asks, and the answers, are in the ledger.

running -> waiting, in the commit of the response that asks; waiting -> queued, once all that it
asks is answered. It holds up the later turns of its conversation and nothing else, no worker
among them, and expires.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Now

from conversations import chores
from conversations.errors import AlreadyAnswered, Fenced, NotFound
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
AGAIN = timedelta(minutes=1)  # until one that could not be ended is tried again

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
    first_token: datetime | None = None,
    notices: Sequence[str] = (),
) -> bool:
    """Let a running turn wait, for so many seconds at most; its worker is done with it.

    `messages`: what of its last step is not stored yet. `first_token`: when it began to speak;
    where it did not, its first words are the question, for a person's time is not its own. False:
    somebody wants it to stop, so it runs on, and has to be ended. Raises `Fenced` when the claim is
    lost.
    """
    left = {
        "expires": Now() + Value(timedelta(seconds=seconds)),
        "usage": usage,
        "notices": list(notices),
        "first_token": Coalesce("first_token", first_token, Now()),
    }

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
            return _wait(turn, asked, left)

    return settled(deed)


def _write(conversation: Conversation, messages: Sequence[NewMessage]) -> None:
    if messages:
        snapshot = Snapshot(conversation.id, conversation.version)
        store_for(conversation.agent).append(snapshot, messages)


def _wait(turn: Turn, asked: Sequence[Asked], left: Mapping[str, Any]) -> bool:
    if turn.cancel_requested != Turn.CancelRequest.NONE:
        return False
    ask(turn, asked)
    held = Turn.objects.filter(pk=turn.pk)
    held.update(state=Turn.State.WAITING, waited=F("attempt"), **left)
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
    """End waiting turns whose time is over, as failed; returns how many."""
    over = Turn.objects.filter(state=Turn.State.WAITING, expires__lt=Now()).order_by("expires")
    later = {"expires": Now() + Value(AGAIN)}
    rows = over.select_related("conversation").only("expires", "conversation__agent")
    return chores.each(rows, _expire, agent="conversation__agent", later=later)


def _expire(over: Turn) -> bool:
    """Whether it was ended; what somebody works on just now is for the next sweep."""
    with transaction.atomic():
        turn = lock(over.pk, skip_locked=True)
        if turn is None or (turn.state, turn.expires) != (Turn.State.WAITING, over.expires):
            return False
        return bool(stop_waiting(turn, Turn.State.FAILED, error=EXPIRED))
