"""Steps as they are easily written, each wrong in one way: the explorer must catch every one.

Most are the site's own statements with one thought left out.
"""

from django.db import transaction

from conversations import turns
from conversations.models import Turn
from conversations.stores import writes
from conversations.turns import acceptance, claims, outcomes, waiting
from conversations.turns.locks import lock


def without(sql: str, *parts: str, instead: str = "") -> str:
    for part in parts:
        assert part in sql, f"{part} is not in the statement any more"
        sql = sql.replace(part, instead)
    return sql


OF_IT = "FROM conversations_turn AS t WHERE t.conversation_id = conversations_conversation.id"

# Everything but the locked row itself is seen as it was before the wait.
ACCEPT_BY_COUNT = without(
    acceptance.ACCEPT,
    "next_turn - 1 AS number",
    instead=f"(SELECT count(*) {OF_IT}) AS number",
)
ACCEPT_IF_NONE_EXISTS = without(
    acceptance.ACCEPT,
    "open_turns = 0",
    instead=f"NOT EXISTS (SELECT {OF_IT} AND t.state = 'queued')",
)
ACCEPT_BY_A_LOCKING_CTE = """
WITH locked AS (SELECT id FROM conversations_conversation WHERE id = %(conversation)s FOR UPDATE),
conversation AS (
    SELECT id, owner_id, next_turn AS number, open_turns AS position
    FROM conversations_conversation JOIN locked USING (id)
), counted AS (
    UPDATE conversations_conversation SET next_turn = next_turn + 1, open_turns = open_turns + 1
    WHERE id IN (SELECT id FROM locked)
)
""" + acceptance.ACCEPT[acceptance.ACCEPT.index("INSERT") :]
CLAIM_WITHOUT_A_LOCK = without(claims.LOCK, "FOR NO KEY UPDATE OF conversation")
CLAIM_WITHOUT_PRESENCE = without(claims.LOCK, "FOR KEY SHARE OF worker")
END_WITHOUT_A_FENCE = without(outcomes.CLOSE, " AND claim_token = %(token)s::uuid")
END_OF_ANYTHING = without(
    outcomes.CLOSE, "state = 'running' AND claim_token", instead="claim_token"
)
END_WITHOUT_A_HINT = without(outcomes.NEXT, "state = 'queued'", instead="false")
END_WITHOUT_THE_FLAG = without(
    outcomes.CLOSE, "WHEN 'rollback' THEN 'rolled_back'", instead="WHEN '' THEN ''"
)
END_OF_A_ZOMBIE_COUNTS = without(outcomes.COUNT_DOWN, " AND open_turns > 0")
APPEND_TO_ANY_VERSION = without(writes.APPEND, " AND version = %(version)s")


def no_lock(turn_id, *, skip_locked=False):
    """The row is read, nobody waits for it."""
    return Turn.objects.select_related("conversation").get(pk=turn_id)


def no_check(fence) -> None:
    """A claim is believed to last."""


def no_hint(conversation_id, pool) -> None:
    """Somebody else will wake a worker."""


def tried_once(deed):
    """What PostgreSQL did not confirm did not happen."""
    return deed(False)


def cancel_by_the_turn_first(turn_id) -> None:
    """Turn, then Conversation: the other way round than everybody else."""
    with transaction.atomic():
        turn = Turn.objects.select_for_update(no_key=True).get(pk=turn_id)
        lock(turn_id)
        Turn.objects.filter(pk=turn.pk).update(cancel_requested="cancel")


def cancel_at_once(turn_id) -> None:
    """A running turn is ended under its worker."""
    with transaction.atomic():
        lock(turn_id)
        token = Turn.objects.get(pk=turn_id).claim_token
        turns.end(turn_id, turns.Outcome(state="cancelled"), token=token)


def requeue_whatever_runs(turn_id) -> None:
    """The claim that died is not the one that is taken away."""
    with transaction.atomic():
        lock(turn_id)
        Turn.objects.filter(pk=turn_id, state="running").update(state="queued", crashes=1)
        outcomes.hint(Turn.objects.get(pk=turn_id).conversation_id, "default")


def wait_whatever_is_asked(turn, *how):
    """Does not look whether somebody wants the turn to stop."""
    turn.cancel_requested = Turn.CancelRequest.NONE
    return WAIT(turn, *how)


WAIT = waiting._wait
