"""The turns of a fork: what a conversation shows up to somewhere, as rows of another one."""

from uuid import UUID

from django.db import connection

from conversations.errors import ResponseInProgress
from conversations.ids import new_id
from conversations.models import Conversation, Turn

# FOR KEY SHARE holds up who deletes one of them until the copy is whole, and nobody else.
SHOWN = """
SELECT id, state, attempt FROM conversations_turn
WHERE conversation_id = %(source)s AND state <> 'rolled_back'
    AND (%(before)s::int IS NULL OR number < %(before)s::int)
ORDER BY number FOR KEY SHARE
"""
# Without the idempotency key, which names one request, and the hint. Numbers begin anew, for what
# was rolled back is left behind.
COPY = """
INSERT INTO conversations_turn (
    id, conversation_id, owner_id, number, state, policy, pool, input, request, request_hash,
    attempt, claim_token, worker, worker_name, crashes, cancel_requested, error, usage, notices,
    created, started, last_event, first_token, finished
)
SELECT copy.id, %s, owner_id, copy.position - 1, state, policy, pool, input, request, request_hash,
    attempt, claim_token, worker, worker_name, crashes, cancel_requested, error, usage, notices,
    created, started, last_event, first_token, finished
FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS copy (source, id, position)
JOIN conversations_turn AS turn ON turn.id = copy.source
"""
# What clients are asked for, so that a fork may be told what their functions returned. What the
# last response asks was not answered here, whatever came after it in the source.
COPY_CALLS = """
INSERT INTO conversations_toolcall (
    turn_id, step, tool_call_id, tool, arguments, asks, item, started, state, result, answered,
    finished
)
SELECT copy.id, step, tool_call_id, tool, arguments, asks, item, started,
    CASE WHEN is_last THEN 'asked' ELSE state END, CASE WHEN NOT is_last THEN result END,
    CASE WHEN NOT is_last THEN answered END, CASE WHEN NOT is_last THEN finished END
FROM unnest(%s::uuid[], %s::uuid[]) AS copy (source, id)
JOIN conversations_toolcall AS call ON call.turn_id = copy.source
CROSS JOIN LATERAL (SELECT copy.source = %s) AS place (is_last)
WHERE asks = 'client'
"""


def copy(source: UUID, target: UUID, *, before: int | None = None) -> dict[UUID, UUID]:
    """Copy the turns that the source shows, or those with a number `before`, to an empty one.

    Returns the copies' ids by the originals', which stay until the caller's transaction ends. Two
    statements copy them all. Raises `ResponseInProgress` while one of them has no outcome.
    """
    with connection.cursor() as cursor:
        cursor.execute(SHOWN, {"source": source, "before": before})
        found = cursor.fetchall()
        if not {state for _, state, _ in found}.issubset(Turn.ENDED):
            raise ResponseInProgress
        copies = {turn_id: new_id() for turn_id, _, _ in found}
        last = next((turn_id for turn_id, _, attempt in reversed(found) if attempt), None)
        cursor.execute(COPY, [target, list(copies), list(copies.values())])
        cursor.execute(COPY_CALLS, [list(copies), list(copies.values()), last])
    Conversation.objects.filter(pk=target).update(next_turn=len(copies))
    return copies
