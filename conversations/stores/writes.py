"""One write to the store of record: its statement, and how a writer knows what became of it."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

from conversations.errors import Fenced
from conversations.models import Message, Turn
from conversations.stores.base import Fence, NewMessage, Snapshot

# The compare-and-set of the version comes first, because it also takes the Conversation lock and
# gives the numbers of the new messages; the INSERT sees only what it returned. A payload of null
# is none: its store keeps it elsewhere.
APPEND = """
WITH conversation AS (
    UPDATE conversations_conversation
    SET version = version + 1, next_message = next_message + %(count)s
    WHERE id = %(conversation)s AND version = %(version)s
    RETURNING id, next_message - %(count)s AS first
)
INSERT INTO conversations_message (
    conversation_id, number, turn_id, attempt, step, kind, payload, trace, retracted, created
)
SELECT conversation.id, first + position - 1, turn, attempt, step, kind,
    NULLIF(payload, 'null'), trace, retracted, clock_timestamp()
FROM conversation, unnest(
    %(turns)s::uuid[], %(attempts)s::int[], %(steps)s::int[], %(kinds)s::text[],
    %(payloads)s::jsonb[], %(traces)s::jsonb[], %(retracted)s::bool[]
) WITH ORDINALITY AS message (
    turn, attempt, step, kind, payload, trace, retracted, position
)
RETURNING number, id
"""


class Row(NamedTuple):
    """A message that was written: its number in its conversation, and its id."""

    number: int
    pk: int


def insert(snapshot: Snapshot, messages: Sequence[NewMessage]) -> list[Row]:
    """Write them and move the version; what was written, or nothing where that has moved."""
    values: dict[str, Any] = {
        "conversation": snapshot.handle,
        "version": snapshot.version,
        "count": len(messages),
        "turns": [message.key.turn for message in messages],
        "attempts": [message.key.attempt for message in messages],
        "steps": [message.key.step for message in messages],
        "kinds": [message.kind for message in messages],
        "payloads": [message.payload for message in messages],
        "traces": [json.dumps(list(message.trace)) for message in messages],
        "retracted": [message.retracted for message in messages],
    }
    with connection.cursor() as cursor:
        cursor.execute(APPEND, values)
        return [Row(*row) for row in cursor.fetchall()]


def check(fence: Fence | None) -> None:
    """Raise `Fenced` when the claim is lost. Under the Conversation lock the answer holds."""
    if fence is None:
        return
    held = Turn.objects.filter(
        pk=fence.turn, claim_token=fence.token, state=Turn.State.RUNNING
    ).exists()
    if not held:
        raise Fenced


def written(messages: Sequence[NewMessage]) -> bool:
    """Whether these are in the transcript: an earlier try was committed, its reply was lost."""
    keys = {message.key for message in messages}
    steps = Message.objects.filter(turn__in={key.turn for key in keys})
    present = set(steps.values_list("turn", "attempt", "step"))
    return bool(keys) and all((key.turn, key.attempt, key.step) in present for key in keys)
