"""Items that nobody is asked to answer: what was said elsewhere, entered as turns of their own.

And the way out: a turn that has its outcome is deleted, with all that it holds.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import DataError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from conversations.errors import (
    InvalidValue,
    NotFound,
    NotTheLast,
    ResponseInProgress,
    VersionConflict,
)
from conversations.models import Conversation, Message, Summary, Turn
from conversations.stores import store_for
from conversations.stores.base import Key, NewMessage, Snapshot
from conversations.turns import outputs
from conversations.turns.inputs import entering, text_of
from conversations.turns.locks import lock
from conversations.turns.outcomes import UNOPENED

NOWHERE = "none"  # the queue of what no worker takes


def enter(
    conversation_id: UUID,
    owner_id: int,
    items: Sequence[dict[str, Any]],
    *,
    number: int | None = None,
    expected_version: int | None = None,
) -> list[Turn]:
    """A completed turn for each message, of a person or an agent, so that each has its own id.

    They come with their conversation, which has the version after them. `number` is demanded of
    the first, `expected_version` of the conversation. Raises `NotFound`, `VersionConflict`,
    `NotTheLast`, `InvalidValue`, and `ResponseInProgress` while something is answered.
    """
    try:
        with transaction.atomic():
            rows = Conversation.objects.select_for_update(no_key=True)
            conversation = rows.filter(pk=conversation_id, owner=owner_id).first()
            if conversation is None:
                raise NotFound
            _check(conversation, number, expected_version)
            return _enter(conversation, items)
    except DataError as error:
        raise InvalidValue("This cannot be stored as text.", param="items") from error


def _check(conversation: Conversation, number: int | None, version: int | None) -> None:
    """Whether it stands as is demanded; it is locked."""
    if version not in (None, conversation.version):
        raise VersionConflict(current=conversation.version)
    if number not in (None, conversation.next_turn):
        raise NotTheLast
    if conversation.open_turns:
        raise ResponseInProgress


def _enter(conversation: Conversation, items: Sequence[dict[str, Any]]) -> list[Turn]:
    turns = [
        _turn(conversation, number, item)
        for number, item in enumerate(items, conversation.next_turn)
    ]
    Turn.objects.bulk_create(turns)
    Conversation.objects.filter(pk=conversation.pk).update(
        next_turn=F("next_turn") + len(turns), updated=Now()
    )
    snapshot = Snapshot(conversation.pk, conversation.version)
    after = store_for(conversation.agent).append(snapshot, [_message(turn) for turn in turns])
    conversation.version = after.version
    return turns


def _turn(conversation: Conversation, number: int, item: dict[str, Any]) -> Turn:
    return Turn(
        conversation=conversation,
        owner_id=conversation.owner_id,
        number=number,
        state=Turn.State.COMPLETED,
        pool=NOWHERE,
        input=[item],
        created=timezone.now(),
        finished=timezone.now(),
        last_event=UNOPENED,
    )


def _message(turn: Turn) -> NewMessage:
    """What an agent said is a pydantic-ai ModelResponse with one TextPart."""
    if turn.input[0]["role"] == "user":
        return entering(turn)
    text = text_of(turn.input)
    payload = {
        "kind": "response",
        "parts": [{"part_kind": "text", "content": text}],
        "timestamp": turn.created.isoformat(),
    }
    key = Key(turn.pk, 0, 0)
    return NewMessage(key, Message.Kind.RESPONSE, json.dumps(payload), text)


def delete(turn_id: UUID) -> Conversation:
    """Take a turn out of its conversation, for people and for the model.

    Returns the conversation, with the version after it. Raises `NotFound`, and
    `ResponseInProgress` while anything there is answered.
    """
    with transaction.atomic():
        conversation = lock(turn_id)
        turn = Turn.objects.filter(pk=turn_id).first()
        if conversation is None or turn is None:
            raise NotFound
        if conversation.open_turns:
            raise ResponseInProgress
        if outputs.of(turn.input) and _was_told(turn):  # else that was done when it ended
            outputs.take_back(turn)
        snapshot = Snapshot(conversation.pk, conversation.version)
        after = store_for(conversation.agent).retract(snapshot, turn_id)  # from hot copies too
        conversation.version = after.version
        turn.delete()
        Summary.objects.filter(conversation=conversation).delete()  # it may tell of what is gone
    return conversation


def _was_told(turn: Turn) -> bool:
    """Whether its input is in the transcript as the model sees it."""
    return Message.objects.filter(turn=turn, step=0, retracted=False).exists()
