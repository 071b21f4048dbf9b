"""How much work there is and whether it gets on, counted from the rows; for probes and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from workers.health.progress import Progress

# A turn behind one that runs, or waits for a person, waits for that one and not for a worker.
OPEN_TURNS = """
SELECT turn.pool, turn.state, count(*),
       count(*) FILTER (WHERE turn.state = 'queued' AND held.id IS NULL),
       min(turn.created) FILTER (WHERE turn.state = 'queued' AND held.id IS NULL)
FROM conversations_turn turn
LEFT JOIN conversations_turn held ON held.conversation_id = turn.conversation_id
    AND held.state IN ('running', 'waiting') AND turn.state = 'queued'
WHERE turn.state IN ('queued', 'running', 'waiting')
GROUP BY turn.pool, turn.state
"""
# What was entered or copied was never hinted, and no worker had to live for it. The index
# turn_ended_by_state has the answer at the end of a state.
LAST_SUCCESS = """
SELECT clock_timestamp(), max(finished) FROM conversations_turn
WHERE state = 'completed' AND hinted_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTurns:
    """The turns of one queue in one state."""

    queue: str
    state: str
    count: int
    free: int  # of the queued: that only wait for a worker
    oldest: datetime | None = None  # when the first of these was accepted


def open_turns() -> list[OpenTurns]:
    """Of every queue that has any."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_TURNS)
        return [
            OpenTurns(queue=queue, state=state, count=count, free=free, oldest=oldest)
            for queue, state, count, free, oldest in cursor.fetchall()
        ]


def progress(turns: Sequence[OpenTurns] | None = None) -> Progress:
    """Whether the work of the whole service gets on; all times are PostgreSQL's.

    `turns`: the open ones, where the caller has counted them already.
    """
    lines = open_turns() if turns is None else turns
    waiting = [line.oldest for line in lines if line.oldest]
    with connection.cursor() as cursor:
        cursor.execute(LAST_SUCCESS)
        now, succeeded_at = cursor.fetchone()
    return Progress(now=now, waiting_since=min(waiting, default=None), succeeded_at=succeeded_at)
