"""The sweep: what dead workers and lost hints have left behind goes on.

Every worker calls it, at any time and side by side: each step takes what it changes by a lock
and leaves what somebody else works on to the next sweep. The dead are buried before.
"""

from collections import Counter
from dataclasses import asdict, astuple, dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from redis import RedisError

from conversations import catalog, hints, turns
from conversations.models import Turn
from workers import orders, queues
from workers.observing import metrics

HINT_AGE = 3  # seconds after which a hint that led to nothing counts as lost
MARGIN = 5  # seconds: an enqueue takes its time, and its clock is not PostgreSQL's
FREE_SLOTS = 100  # where the caller does not say
FAILED = "not moved"  # instead of a turn's state

log = structlog.get_logger(__name__)

# Running turns without a live owner, by the claim that is dead. A process that only lost its
# connection registers anew under its name: that is no crash.
ORPHANS = """
SELECT id, claim_token, NOT EXISTS (
    SELECT FROM workers_workerprocess AS namesake WHERE namesake.name = turn.worker_name
) AS crashed
FROM conversations_turn AS turn
WHERE state = 'running' AND NOT EXISTS (
    SELECT FROM workers_workerprocess AS owner WHERE owner.id = turn.worker
)
"""
# Only the oldest open turn of a conversation is ever to be claimed; where one runs or waits, that
# is it. SKIP LOCKED: another sweep hints that one. MATERIALIZED: run once, or LIMIT means nothing.
# statement_timestamp: stable, so the index is read up to there and not over the whole backlog.
# LEAST passes over a NULL: with nothing in the queue the age alone counts.
HINT_AGAIN = """
WITH forgotten AS MATERIALIZED (
    SELECT id FROM conversations_turn AS turn
    WHERE state = 'queued' AND pool = %(pool)s
        AND hinted_at < LEAST(
            statement_timestamp() - make_interval(secs => %(age)s), %(oldest)s::timestamptz
        )
        AND NOT EXISTS (
            SELECT FROM conversations_turn AS older
            WHERE older.conversation_id = turn.conversation_id AND older.number < turn.number
                AND older.state IN ('queued', 'running', 'waiting')
        )
    ORDER BY hinted_at LIMIT %(free)s FOR UPDATE SKIP LOCKED
)
UPDATE conversations_turn SET hinted_at = clock_timestamp() FROM forgotten
WHERE conversations_turn.id = forgotten.id
RETURNING conversation_id
"""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many turns one sweep has moved; false when there was nothing to do."""

    requeued: int = 0
    ended: int = 0  # running ones whose worker is dead, and that nobody is to try again
    expired: int = 0  # waiting ones that nobody answered in time
    hinted: int = 0
    failed: int = 0  # running ones without a worker that could not be moved; the log says why

    def __bool__(self) -> bool:
        return any(astuple(self))


def sweep(free_slots: int = FREE_SLOTS) -> Swept:
    """Requeue the running turns whose worker is dead; hint queued ones that nobody fetches.

    No more are hinted than the caller has free slots, the oldest first. What was not to be stored
    is erased.
    """
    states = Counter(requeue_orphans())
    swept = Swept(
        requeued=states.pop(Turn.State.QUEUED, 0),
        failed=states.pop(FAILED, 0),
        ended=states.total(),
        expired=turns.expire(),
        hinted=hint_again(free_slots),
    )
    catalog.erase_unstored()
    for how, count in asdict(swept).items():
        metrics.TURNS_RECOVERED.labels(how).inc(count)
    return swept


def requeue_orphans() -> list[str]:
    """Requeue the running turns without a live owner; the states that they have now, or FAILED."""
    with connection.cursor() as cursor:
        cursor.execute(ORPHANS)
        orphans = cursor.fetchall()
    return [state for orphan in orphans if (state := _requeue(*orphan)) is not None]


def _requeue(turn_id: UUID, token: UUID, crashed: bool) -> str | None:
    """The turn's state; None: nothing was done; FAILED: one bad turn must not hold up the others."""
    try:
        return turns.requeue(turn_id, token=token, crashed=crashed)
    except Exception:
        log.exception("turn_not_requeued", turn=str(turn_id))
        return FAILED


def hint_again(free_slots: int) -> int:
    """Hint turns again that wait without a hint in their pool's queue."""
    hinted, resting = 0, orders.resting()
    for pool in settings.QUEUES:
        if hinted >= free_slots:
            break
        if pool in resting:
            continue  # of a pause that may be long
        try:
            oldest = queues.oldest(pool)
        except RedisError:
            break  # no hint would arrive, and every further try costs its timeout
        for conversation_id in _forgotten(pool, oldest, free_slots - hinted):
            if not hints.wake(conversation_id, pool):
                return hinted
            hinted += 1
    return hinted


def _forgotten(pool: str, oldest: datetime | None, free: int) -> list[UUID]:
    """The conversations whose next turn has lost its hint; they count as hinted now.

    A queue is first in, first out: what was hinted before its `oldest` job came is not in it.
    """
    came = oldest and oldest - timedelta(seconds=MARGIN)
    with connection.cursor() as cursor:
        cursor.execute(HINT_AGAIN, {"pool": pool, "age": HINT_AGE, "oldest": came, "free": free})
        return [conversation_id for (conversation_id,) in cursor.fetchall()]
