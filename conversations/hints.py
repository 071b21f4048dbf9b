"""Wake a worker: to answer, by the job `answer(conversation, pool)` on a pool's queue, or to stop.

Imports nothing heavy.

The job is only a hint: the row of the turn is the work. A hint that is lost is given again by
`recovery`, one that is doubled finds nothing to do. Likewise who misses that a turn is to be
stopped sees it in the row a moment later.
"""

from uuid import UUID

import structlog
from django.conf import settings
from redis import RedisError

from workers import queues
from workers.observing import metrics
from workers.redis import connections

TASK = "conversations.tasks.answer"

log = structlog.get_logger(__name__)


def wake(conversation_id: UUID, pool: str) -> bool:
    """Whether the hint is on its way; never raises, for the commit before it stands anyway."""
    try:
        queues.enqueue(pool, TASK, str(conversation_id), pool, near=conversation_id.hex)
    except Exception:
        log.exception("hint_not_sent", conversation=str(conversation_id), pool=pool)
        metrics.HINTS.labels(queue=pool, outcome="failed").inc()
        return False
    metrics.HINTS.labels(queue=pool, outcome="sent").inc()
    return True


def stops() -> str:
    """The channel on which workers hear, as bytes of its id, of a turn that is to be stopped."""
    return f"{settings.CHANNEL_PREFIX}:stops"


def stop(turn_id: UUID) -> None:
    """Have the worker that runs a turn look at its row now; never raises."""
    try:
        connections.publish(stops(), turn_id.bytes)
    except (RedisError, OSError) as error:
        log.warning("stop_not_published", turn=str(turn_id), error=type(error).__name__)
