"""Summaries: kept only where all that they tell of is still there; a fork takes its own along."""

from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count

from conversations.models import Conversation, Summary, Turn
from conversations.stores.base import Snapshot

COPY = """
INSERT INTO conversations_summary (conversation_id, cut, text, version, made_by, created)
SELECT %s, cut, text, %s, made_by, created FROM conversations_summary
WHERE conversation_id = %s AND cut <= %s
"""


class Extent(NamedTuple):
    """What a conversation had at one moment: fewer turns below `end`, once one is deleted."""

    end: int  # the number of its next turn
    turns: int


def extent(conversation_id: UUID, *, version: int) -> Extent | None:
    """How far a transcript of this version goes; None: it is at another by now."""
    found = Conversation.objects.filter(pk=conversation_id, version=version)
    counted = found.order_by("pk").values_list("next_turn", Count("turn")).first()
    return Extent(*counted) if counted else None


def sum_up(summary: Summary, told: Extent) -> bool:
    """Keep a summary of what was `told`, unless a turn of that was deleted meanwhile.

    What is said meanwhile is no hindrance, or who writes fast would never have a summary. One
    that is there for this cut already stays.
    """
    with transaction.atomic():
        # A deletion holds the same lock, and takes all summaries along.
        rows = Conversation.objects.select_for_update(no_key=True)
        rows.filter(pk=summary.conversation_id).first()
        turns = Turn.objects.filter(conversation=summary.conversation_id, number__lt=told.end)
        if turns.count() < told.turns:
            return False
        Summary.objects.bulk_create([summary], ignore_conflicts=True)
    return True


def copy_summaries(source: UUID, target: Snapshot, *, last: int) -> None:
    """Copy the summaries up to the `last` cut to a fork, inside the caller's transaction.

    After its turns and messages: then what a deletion takes away meanwhile is not told of.
    """
    with connection.cursor() as cursor:
        cursor.execute(COPY, [target.handle, target.version, source, last])
