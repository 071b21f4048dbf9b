"""Queues as RQ has them: how a job is enqueued, and what waits. Light: replicas import it."""

from datetime import datetime
from functools import cache
from typing import Any, Self

import django_rq
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from rq.suspension import is_suspended
from rq.utils import as_text, str_to_date

from workers import handing
from workers.jobs import FAILURE_TTL, TurnJob

PATIENCE = 2  # seconds that an enqueue waits for Redis


@cache
def queue(name: str) -> Queue:
    """The RQ queue of this name, on a connection that gives up soon and never repeats itself."""
    connection = django_rq.get_connection(name)
    connection.connection_pool.connection_kwargs.update(
        socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )
    return django_rq.get_queue(
        name, connection=connection, job_class=TurnJob, serializer=JSONSerializer
    )


class Handing(Queue):
    """A queue whose jobs are handed to one worker each, as `workers.handing` chooses."""

    near = ""  # what has the same goes to the same worker

    @classmethod
    def to(cls, line: Queue, near: str) -> Self:
        handing = cls(line.name, connection=line.connection, job_class=TurnJob)
        handing.serializer, handing.near = line.serializer, near
        return handing

    def push_job_id(
        self, job_id: str, pipeline: Pipeline | None = None, at_front: bool = False
    ) -> None:
        handing.place(pipeline or self.connection, self.name, self.key, job_id, near=self.near)


def enqueue(name: str, task: str, *args: Any, near: str = "", seconds: int | None = None) -> str:
    """Ask a worker that serves the queue to call a task; one round trip. Returns the job's id.

    `near`: who has been given the same before may be given this. `seconds`: what is not begun by
    then is dropped, key and all. Raises redis.RedisError when Redis cannot be reached within
    PATIENCE seconds.
    """
    line = queue(name)
    if settings.DISTRIBUTION != handing.PULL:
        line = Handing.to(line, near)
    with line.connection.pipeline() as pipeline:
        job = line.enqueue_call(
            task,
            args,
            result_ttl=0,
            failure_ttl=FAILURE_TTL,
            ttl=seconds,
            description=task,  # else the arguments, which are nobody's to read
            pipeline=pipeline,
        )
        pipeline.execute()
    return str(job.id)


def depth(name: str) -> int:
    """How many jobs wait for a worker."""
    return int(queue(name).count)


def suspended(connection: redis.Redis) -> bool:
    """Whether somebody told all workers to rest (`rq suspend`)."""
    return bool(is_suspended(connection))


def neglected(name: str) -> bool:
    """Whether jobs wait, and nobody told all workers to rest (`rq suspend`)."""
    return depth(name) > 0 and not suspended(queue(name).connection)


def oldest(name: str) -> datetime | None:
    """When the job at the head of the queue was enqueued; None when nothing waits.

    Also None when that job cannot be read; a worker is about to drop it.
    """
    line = queue(name)
    head = line.connection.lindex(line.key, 0)
    stamp = head and line.connection.hget(TurnJob.key_for(as_text(head)), "enqueued_at")
    try:
        return str_to_date(stamp) if stamp else None
    except ValueError:
        return None
