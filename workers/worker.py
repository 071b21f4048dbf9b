"""An RQ worker that runs many coroutine jobs at once.

RQ forks a child for each job. Here a shallow copy of the worker stands in for the child: it
carries the job and its execution through RQ's own bookkeeping, while the job's coroutine is
awaited on the one event loop. RQ's tools see one busy worker with many started jobs.
"""

import copy
from datetime import timedelta
from itertools import islice
from typing import Any, Self

import django_rq
from django.conf import settings
from redis import RedisError
from redis.backoff import ExponentialWithJitterBackoff
from redis.client import Pipeline
from redis.retry import Retry
from rq import Queue, Worker, worker_registration
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import WorkerStatus

from workers import garbage, pools
from workers.base import OwnWorker
from workers.forking import ForkingWorker
from workers.handing import PULL, Offers, own_list
from workers.jobs import FAILURE_TTL, TurnJob, preload
from workers.running.lines import Line
from workers.running.shift import Shift

TTL = 20  # seconds; a dead worker leaves RQ's lists a minute later
PATIENCE = 3  # seconds until a hung Redis counts as away; longer than a line blocks
EXECUTION_BEAT = timedelta(seconds=20)  # RQ gives an execution 90 s
BEATS = 200  # executions that one beat looks after


class AgentWorker(OwnWorker):
    """The worker, and, copied, the stand-in for each job's child."""

    job: TurnJob  # of a stand-in, as the two below
    queue: Queue
    execution: Any  # rq.executions.Execution once it has begun

    def __init__(self, queues: Any, name: str | None = None, **options: Any) -> None:
        """As `OwnWorker`; job class, serializer and TTL are fixed."""
        options |= {"job_class": TurnJob, "serializer": JSONSerializer, "worker_ttl": TTL}
        super().__init__(queues, name, **options)
        self.connection.set_retry(Retry(ExponentialWithJitterBackoff(base=0.1, cap=1), 2))
        self.aboard: dict[str, AgentWorker] = {}  # stand-ins by execution; shared by all copies

    @property
    def connection_timeout(self) -> int:
        return PATIENCE

    def work(
        self,
        burst: bool = False,
        logging_level: str | None = None,
        *_: Any,
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,
        **__: Any,
    ) -> bool:
        """Run until told to stop; whether any job ran."""
        if with_scheduler:
            raise ValueError("AgentWorker starts no scheduler: start `rqscheduler` beside it")
        preload()
        garbage.settle()
        self.shift = Shift(self, self.pool, self._lines(), offers=self._offers())
        self.bootstrap(logging_level)
        try:
            return self.shift.work(burst=burst, max_jobs=max_jobs, max_idle=max_idle_time)
        finally:
            self.teardown()  # type: ignore[no-untyped-call]

    def _lines(self) -> list[Line]:
        """What it listens to."""
        shared = [Line(self, queue) for queue in self.queues]
        if settings.DISTRIBUTION == PULL:
            return shared
        own = (Line(self, queue, own=own_list(queue.name, self.name)) for queue in self.queues)
        return [*shared, *own]

    def _offers(self) -> Offers | None:
        if settings.DISTRIBUTION == PULL:
            return None
        return Offers(self.name, {line.name: line.key for line in self.queues}, self.connection)

    def stop_job(self, job_id: str) -> None:
        self.shift.stop_job(job_id)

    # --- bookkeeping, in the ledger's thread --------------------------------------------------

    def seat(self, job: Any, queue: Queue) -> Self:
        """A stand-in for the child that RQ would fork for this job."""
        seat = copy.copy(self)
        seat.job, seat.queue, seat.execution = job, queue, None
        return seat

    def begin(self) -> None:
        """RQ's prepare_execution and prepare_job_execution in one round trip instead of two."""
        with self.connection.pipeline() as pipeline:
            execution = self.execution = Execution.create(
                self.job, self.get_heartbeat_ttl(self.job), pipeline, worker_name=self.name
            )
            self.aboard[execution.id] = self
            self.set_current_job_id(self.job.id, pipeline=pipeline)
            self.job.prepare_for_execution(self.name, pipeline=pipeline)
            pipeline.lrem(self.queue.intermediate_queue_key, 1, self.job.id)
            try:
                pipeline.execute()
            except RedisError:
                del self.aboard[execution.id]
                raise

    def succeed(self) -> None:
        """RQ's handle_job_success, less what a TurnJob never has: dependents, results, repeats."""
        job = self.job
        with self.connection.pipeline() as pipeline:
            self.increment_successful_job_count(pipeline=pipeline)
            if job.started_at is not None:
                self.increment_total_working_time(now() - job.started_at, pipeline)
            pipeline.delete(job.key, job.dependents_key, job.dependencies_key)
            self.cleanup_execution(job, pipeline=pipeline)
            pipeline.execute()

    def fail(self, reason: str, error: BaseException | None) -> None:
        """Into the FailedJobRegistry with its reason, for a minute."""
        self.job.ended_at = now()
        self.job.failure_ttl = min(self.job.failure_ttl or FAILURE_TTL, FAILURE_TTL)
        try:
            if error is not None:
                self.handle_exception(self.job, type(error), error, error.__traceback__)
        finally:
            self.handle_job_failure(self.job, self.queue, exc_string=reason)

    def stop(self) -> None:
        """As RQ shows a job that somebody stopped."""
        self._stopped_job_id = self.job.id
        self.fail("Stopped by a person", None)

    def put_back(self) -> None:
        """To the head of its queue."""
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(self.queue.intermediate_queue_key, 1, self.job.id)
            if self.execution is not None:
                self.cleanup_execution(self.job, pipeline=pipeline)
            self.job.set_status(JobStatus.QUEUED, pipeline=pipeline)
            self.queue.push_job_id(self.job.id, pipeline=pipeline, at_front=True)
            pipeline.execute()

    def cleanup_execution(self, job: Job, pipeline: Pipeline) -> None:
        if self.execution is not None:
            self.aboard.pop(self.execution.id, None)
        super().cleanup_execution(job, pipeline)

    def set_current_job_id(
        self, job_id: str | None = None, pipeline: Pipeline | None = None
    ) -> None:
        """RQ knows one state and one current job: busy with the newest while any runs."""
        newest = next(reversed(self.aboard.values()), None)
        self.set_state(WorkerStatus.BUSY if newest else WorkerStatus.IDLE, pipeline)
        super().set_current_job_id(newest.job.id if newest else None, pipeline)

    def beat(self) -> None:
        """The worker lives, and so do its executions; a Redis that lost all is told again."""
        with self.connection.pipeline(transaction=False) as pipeline:
            self.last_heartbeat = now()
            pipeline.hset(self.key, mapping=self.serialize())
            pipeline.expire(self.key, self.worker_ttl + 60)
            worker_registration.register(self, pipeline)
            self.set_current_job_id(pipeline=pipeline)
            pipeline.execute()
            marks: dict[int, AgentWorker] = {}
            for seat in self.due():
                marks[len(pipeline)] = seat
                seat.job.heartbeat(now(), 0, pipeline=pipeline)
                ttl = seat.get_heartbeat_ttl(seat.job)
                seat.execution.heartbeat(seat.job.started_job_registry, ttl, pipeline)
            found = pipeline.execute()
            for mark, seat in marks.items():
                if found[mark]:  # a field that is new: somebody deleted the job
                    pipeline.delete(seat.job.key)
            pipeline.execute()

    def due(self) -> list["AgentWorker"]:
        """Whose executions need a heartbeat; not all at once, the loop shares the interpreter."""
        limit = now() - EXECUTION_BEAT
        late = (seat for seat in self.aboard.values() if seat.execution.last_heartbeat < limit)
        return list(islice(late, BEATS))


def open_worker(pool: str, *, name: str | None = None) -> Worker:
    """A worker of a pool, as `manage.py rqworker --worker-class ...` makes it."""
    mine = pools.pool(pool)
    kind = ForkingWorker if mine.forking else AgentWorker
    return django_rq.get_worker(
        *mine.queues, worker_class=kind, name=name, worker_ttl=TTL, pool=mine
    )
