"""Jobs and queues as RQ has them. With `base`, `forking` and `worker`, what imports rq.

A job is a hint: one call of an allowed coroutine function, as JSON, without retries,
dependencies, callbacks or results. Light: replicas import it to enqueue.
"""

import asyncio
import inspect
import os
import signal
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from typing import Any, Self

import django_rq
import redis
import structlog
from django.conf import settings
from django.utils.module_loading import import_string
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.suspension import is_suspended
from rq.timeouts import JobTimeoutException
from rq.utils import as_text, str_to_date

from workers import handing, interrupts, orders, strays
from workers.observing import farewells, metrics

log = structlog.get_logger(__name__)

FAILURE_TTL = 60  # seconds that a failed job is shown
PATIENCE = 2  # seconds that an enqueue waits for Redis
LAST_WRITES = 4  # seconds that a job in a stock worker's child has for them before RQ's alarm
FAREWELL = 1  # second for what else runs there when the job has ended
STOPPED = 1  # how a child ends whose job a person stopped: with 0, RQ would not look at it again


class TaskNotAllowed(Exception):
    """Only coroutine functions that settings.WORKER_TASKS names are run."""


class TurnJob(Job):
    """One call of an allowed coroutine function; whatever else RQ can do with a job is off.

    Redis is no place to take code from: neither pickles nor names of callbacks are followed.
    """

    success_callback = None
    failure_callback = None
    stopped_callback = None
    should_retry = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # `manage.py rqworker` ignores the queue's SERIALIZER and would unpickle
        super().__init__(*args, **{**kwargs, "serializer": JSONSerializer})
        self._interrupt = interrupts.Interrupt()  # in a stock worker's child
        self._was_stopped = False  # by a person, in RQ's admin

    @classmethod
    def found(cls, job_id: str, connection: redis.Redis) -> Self | None:
        """The job of this id; None where there is none any more."""
        try:
            found = cls.fetch(job_id, connection=connection, serializer=JSONSerializer)
        except NoSuchJobError:
            return None
        assert isinstance(found, cls)
        return found

    def send_webhooks(self, *args: Any, **kwargs: Any) -> None:
        """A job calls no addresses that it names itself."""

    @property
    def func(self) -> Any:
        if self.instance is not None or (name := self.func_name) not in settings.WORKER_TASKS:
            raise TaskNotAllowed(f"{self.func_name} is not in settings.WORKER_TASKS")
        return import_string(str(name))

    def call(self) -> Coroutine[Any, Any, None]:
        """The coroutine to await; raises when the job names nothing that may run."""
        if not inspect.iscoroutinefunction(function := self.func):
            raise TaskNotAllowed(f"{self.func_name} is not a coroutine function")
        called: Coroutine[Any, Any, None] = function(*self.args, **self.kwargs)
        return called

    def stop(self) -> None:
        """In a stock worker's child: a person pressed RQ's Stop; also from a signal's handler."""
        self._was_stopped = True
        self._interrupt.fire(interrupts.Reason.STOPPED)

    def _execute(self) -> None:
        """In a stock worker's child: the same interrupts as on AgentWorker, on its own loop.

        Stock workers know of no pause: the hint is spent, and the sweep gives another one after it.
        """
        if self.origin in orders.resting():
            log.info("job_left", job=self.id, queue=self.origin)
            return
        outcome, loop = "failed", asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._attempt())
            outcome = "done"
        except Exception:
            log.exception("job_failed", job=self.id)
            raise
        finally:
            loop.close()  # asyncio.run would wait for tools that no cancel ends
            metrics.JOBS.labels(queue=self.origin, outcome=outcome).inc()
            metrics.tidy()  # each child leaves files of its own
            farewells.say()
            if self._was_stopped:
                farewells.leave(STOPPED)

    @property
    def _limit(self) -> float | None:
        """Seconds; RQ's own alarm would tear the loop down without a last write."""
        if not self.timeout or self.timeout < 0:
            return None
        return max(self.timeout - LAST_WRITES, self.timeout / 2)

    async def _attempt(self) -> None:
        loop, interrupt = asyncio.get_running_loop(), self._interrupt
        drain = partial(interrupt.fire, interrupts.Reason.DRAINING)
        loop.add_signal_handler(signal.SIGTERM, loop.call_later, settings.WORKER_GRACE, drain)
        watching = loop.create_task(orphaned(drain))
        try:
            with interrupt.armed(self._limit):
                await self.call()
        finally:
            watching.cancel()
            await strays.dismiss(within=FAREWELL)
            if interrupt.reason is interrupts.Reason.TIMED_OUT:
                raise JobTimeoutException(f"The job took more than {self.timeout} seconds")


async def orphaned(then: Callable[[], None]) -> None:
    """In a stock worker's child: RQ can neither show nor stop it once its parent is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells a child that it is an orphan
        await asyncio.sleep(1)
    log.warning("job_orphaned")
    then()


def preload() -> None:
    """Import the allowed tasks, and what they import late, before their imports hold up a loop."""
    import_module("psycopg_pool")  # Django does at the first query
    for task in settings.WORKER_TASKS:
        try:
            import_string(task)
        except ImportError:
            log.exception("task_not_importable", task=task)


@cache
def queue(pool: str) -> Queue:
    """The RQ queue of a pool, on a connection that gives up soon and never repeats itself."""
    connection = django_rq.get_connection(pool)
    connection.connection_pool.connection_kwargs.update(
        socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )
    return django_rq.get_queue(
        pool, connection=connection, job_class=TurnJob, serializer=JSONSerializer
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


def enqueue(pool: str, task: str, *args: Any, near: str = "", seconds: int | None = None) -> str:
    """Ask a worker that serves the queue to call a task; one round trip. Returns the job's id.

    `near`: who has been given the same before may be given this. `seconds`: what is not begun by
    then is dropped, key and all. Raises redis.RedisError when Redis cannot be reached within
    PATIENCE seconds.
    """
    line = queue(pool)
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


def depth(pool: str) -> int:
    """How many jobs wait for a worker."""
    return int(queue(pool).count)


def suspended(connection: redis.Redis) -> bool:
    """Whether somebody told all workers to rest (`rq suspend`)."""
    return bool(is_suspended(connection))


def neglected(pool: str) -> bool:
    """Whether jobs wait, and nobody told all workers to rest (`rq suspend`)."""
    return depth(pool) > 0 and not is_suspended(queue(pool).connection)


def oldest(pool: str) -> datetime | None:
    """When the job at the head of the queue was enqueued; None when nothing waits.

    Also None when that job cannot be read; a worker is about to drop it.
    """
    line = queue(pool)
    head = line.connection.lindex(line.key, 0)
    stamp = head and line.connection.hget(TurnJob.key_for(as_text(head)), "enqueued_at")
    try:
        return str_to_date(stamp) if stamp else None
    except ValueError:
        return None
