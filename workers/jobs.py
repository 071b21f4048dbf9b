"""Jobs as RQ has them: one call of an allowed coroutine function, as JSON, and how a child runs it.

A job is a hint: without retries, dependencies, callbacks or results.
"""

import asyncio
import inspect
import os
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from importlib import import_module
from typing import Any, Self

import redis
import structlog
from django.conf import settings
from django.utils.module_loading import import_string
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from workers import interrupts, orders, strays
from workers.observing import farewells, metrics

log = structlog.get_logger(__name__)

FAILURE_TTL = 60  # seconds that a failed job is shown
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
