"""Items that nobody is asked to answer: what was said elsewhere, entered as completed turns.

And the way out: a turn that has its outcome is deleted, with all that it holds.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import DataError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from conversations import protocol
from conversations.errors import (
    InvalidValue,
    NotFound,
    NotTheLast,
    ResponseInProgress,
    VersionConflict,
)
from conversations.models import Conversation, Message, Summary, ToolCall, Turn
from conversations.stores import store_for
from conversations.stores.base import Key, NewMessage, Snapshot
from conversations.turns import outputs, past
from conversations.turns.ledger import Asked, ask
from conversations.turns.locks import lock
from conversations.turns.outcomes import UNOPENED
from conversations.turns.titles import title_of

NOWHERE = "none"  # the queue of what no worker takes
Item = dict[str, Any]


def enter(
    conversation_id: UUID,
    owner_id: int,
    items: Sequence[Item],
    *,
    number: int | None = None,
    expected_version: int | None = None,
) -> list[Turn]:
    """Completed turns of what persons and agents said, and of calls with what they returned.

    As `past.turns_of` parts them: a message has a turn of its own, and so its own id. Calls that
    come last wait for their outputs in the next input. The turns come with their conversation,
    which has the version after them. `number` is demanded of the first, `expected_version` of the
    conversation. Raises `NotFound`, `VersionConflict`,
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


def _enter(conversation: Conversation, items: Sequence[Item]) -> list[Turn]:
    turns = [
        _turn(conversation, number, together)
        for number, together in enumerate(past.turns_of(items), conversation.next_turn)
    ]
    messages, waiting = _messages(turns), _waiting(turns[-1])
    _name_calls(turns)
    Turn.objects.bulk_create(turns)
    ask(turns[-1], waiting)
    Conversation.objects.filter(pk=conversation.pk).update(
        next_turn=F("next_turn") + len(turns), updated=Now(), title=_title(conversation, items)
    )
    snapshot = Snapshot(conversation.pk, conversation.version)
    conversation.version = store_for(conversation.agent).append(snapshot, messages).version
    return turns


def _title(conversation: Conversation, items: Sequence[Item]) -> str:
    """What is not to be stored has none."""
    return conversation.title or (title_of(items) if conversation.stored else "")


def _turn(conversation: Conversation, number: int, items: list[Item]) -> Turn:
    return Turn(
        conversation=conversation,
        owner_id=conversation.owner_id,
        number=number,
        state=Turn.State.COMPLETED,
        pool=NOWHERE,
        input=items,
        created=timezone.now(),
        finished=timezone.now(),
        last_event=UNOPENED,
    )


def _messages(turns: Sequence[Turn]) -> list[NewMessage]:
    """With the ids of calls that their client gave: what it sends again is told in the same bytes."""
    tools: dict[str, str] = {}
    messages = []
    for turn in turns:
        tools |= {item["call_id"]: item["name"] for item in past.calls(turn.input)}
        messages.append(_message(turn, tools))
    return messages


def _message(turn: Turn, tools: Mapping[str, str]) -> NewMessage:
    payload = past.told(turn.input, tools, at=turn.created.isoformat())
    return NewMessage(Key(turn.pk, 0, 0), payload["kind"], json.dumps(payload))


def _waiting(turn: Turn) -> list[Asked]:
    """Its calls, as the ledger has those that were left to a client."""
    return [
        Asked(
            step=0,
            call_id=item["call_id"],
            tool=item["name"],
            arguments=item["arguments"],
            item=place,
            asks=ToolCall.Asks.CLIENT,
        )
        for place, item in enumerate(turn.input)
        if past.calls([item])
    ]


def _name_calls(turns: Sequence[Turn]) -> None:
    """Give calls and outputs ids of this site's own, by which alone they are found here."""
    own: dict[str, str] = {}
    for turn in turns:
        for place, item in enumerate(turn.input):
            if past.calls([item]):
                own[item["call_id"]] = protocol.call_id(turn.pk, place)
        turn.input = [
            {**item, "call_id": own[item["call_id"]]} if "call_id" in item else item
            for item in turn.input
        ]


def delete(turn_id: UUID) -> Conversation:
    """Take a turn out of its conversation, for people and for the model.

    Returns the conversation, with the version after it. Raises `NotFound`, and
    `ResponseInProgress` while anything there is answered.
    """
    with transaction.atomic():
        turn = lock(turn_id)
        if turn is None:
            raise NotFound
        conversation = turn.conversation
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
