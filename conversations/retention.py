"""Conversations that nobody has written in for long enough are deleted, with all that they hold."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import structlog
from django.db import OperationalError, transaction
from django.db.models import QuerySet

from conversations.errors import ConversationError
from conversations.models import Conversation
from conversations.stores import store_for

log = structlog.get_logger(__name__)


def expired(before: datetime) -> QuerySet[Conversation]:
    """Nobody wrote in them since, and nothing of them is still to be answered."""
    return Conversation.objects.filter(updated__lt=before, open_turns=0)


def prune(before: datetime, *, batch: int) -> Iterator[int]:
    """Delete them, one commit each; yields how many after each batch that was looked at.

    Ids are in the order of time, so it walks once through the primary key. Whoever stops it
    loses nothing: another call finds what is left.
    """
    last = UUID(int=0)
    while found := list(_next(before, last, batch)):
        yield sum(delete(conversation, before) for conversation in found)
        last = found[-1]


def _next(before: datetime, last: UUID, batch: int) -> QuerySet[Conversation, UUID]:
    following = expired(before).filter(pk__gt=last).order_by("pk")
    return following.values_list("pk", flat=True)[:batch]


def delete(conversation_id: UUID, before: datetime) -> bool:
    """Whether it went; not if somebody has just written in it, or works on it, or its store cannot."""
    try:
        with transaction.atomic():
            locked = expired(before).select_for_update(skip_locked=True)
            conversation = locked.filter(pk=conversation_id).first()
            if conversation is None:
                return False
            store_for(conversation.agent).delete(conversation_id)
    except (OperationalError, ConversationError) as error:
        log.warning("not_pruned", conversation=str(conversation_id), reason=type(error).__name__)
        return False
    return True
