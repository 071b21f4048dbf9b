"""Wake a worker: put the job `answer(conversation, pool)` on a pool's queue. Imports nothing heavy.

The job is only a hint: the row of the turn is the work. A hint that is lost is given again by
`recovery`, one that is doubled finds nothing to do.
"""

from uuid import UUID

import structlog

from workers import queues

TASK = "conversations.tasks.answer"

log = structlog.get_logger(__name__)


def wake(conversation_id: UUID, pool: str) -> bool:
    """Whether the hint is on its way; never raises, for the commit before it stands anyway."""
    try:
        queues.enqueue(pool, TASK, str(conversation_id), pool)
    except Exception:
        log.exception("hint_not_sent", conversation=str(conversation_id), pool=pool)
        return False
    return True
