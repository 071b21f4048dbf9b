"""More input for a response that is being made: it stops, and a turn after it goes on from there.

Only the response that is named stops. What others have queued in its conversation keeps its place,
and the steered turn comes after it.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from conversations import access, protocol, turns
from conversations.errors import NotActive, NotFound, NotSteerable
from conversations.models import Policy, Turn
from conversations.turns.cancellation import stop
from conversations.turns.locks import lock


def steer(user: AbstractBaseUser, turn_id: UUID, items: list[dict[str, Any]]) -> Turn:
    """The turn that will answer the input, with its conversation; it inherits the other's request.

    A response that nobody has begun is left to be answered first: to end it now would take what
    it was asked out of the conversation. Raises `NotFound`, `NotActive`, `NotSteerable`, and as
    `turns.accept` does.
    """
    target = access.turn(user, turn_id)
    _check(target)
    with transaction.atomic():
        accepted = turns.accept(
            target.conversation_id,
            user.pk,
            items,
            policy=Policy.ENQUEUE,
            parameters={
                **target.request,
                "previous_response_id": protocol.response_id(target.pk),
            },
        )
        now = lock(turn_id)
        if now is None:
            raise NotFound
        if now.attempt and now.state in (Turn.State.QUEUED, Turn.State.RUNNING):
            stop(now, Turn.CancelRequest.STEER)
    return accepted.turn


def _check(target: Turn) -> None:
    if target.state in Turn.ENDED:
        raise NotActive(completed=target.state == Turn.State.COMPLETED)
    if target.state == Turn.State.WAITING:
        raise NotSteerable
