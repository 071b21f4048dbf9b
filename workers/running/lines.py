"""The lists of jobs that a worker listens to: each queue's, and its own where jobs are handed."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import redis
import structlog
from django.conf import settings
from redis import RedisError

from workers import queues
from workers.jobs import TurnJob
from workers.running.flights import Seat

BLOCK = 1  # seconds that a fetch waits: what a worker told to stop may take to notice

log = structlog.get_logger(__name__)


class Crew(Protocol):
    """What a line needs of its worker."""

    connection: redis.Redis

    def seat(self, job: TurnJob, queue: Any) -> Seat:
        """Who carries the job through RQ's books."""


class Line:
    """One list, seen by its fetcher. It is read by BLMOVE: of several at once, a crash loses jobs."""

    def __init__(self, worker: Crew, queue: Any, *, own: str = "") -> None:
        """`queue`: RQ's. `own`: the key of a list beside it, for this worker alone."""
        self.queue: str = queue.name
        self.is_own = bool(own)
        self._key = own or queue.key
        self._worker, self._queue = worker, queue

    def fetch(self, *, block: bool) -> Seat | None:
        """The next job in a stand-in's hands; ids that lead to none are passed over."""
        connection, taken = self._worker.connection, self._queue.intermediate_queue_key
        move = partial(connection.blmove, timeout=BLOCK) if block else connection.lmove
        while (found := move(self._key, taken)) is not None:
            job_id = str(found, "ascii") if isinstance(found, bytes) else found
            if job := self._job(job_id):
                return self._worker.seat(job, self._queue)
            self._queue.intermediate_queue.remove(job_id)
        return None

    def suspended(self) -> bool:
        return queues.suspended(self._worker.connection)

    def is_old(self) -> bool:
        since = queues.oldest(self.queue)
        age = datetime.now(UTC) - since if since else None
        return age is not None and age.total_seconds() > settings.QUEUE_AGEING

    def _job(self, job_id: str) -> TurnJob | None:
        try:
            return TurnJob.found(job_id, self._worker.connection)
        except RedisError:
            raise
        except Exception:
            log.exception("job_unreadable", queue=self.queue, job=job_id)
            return None
