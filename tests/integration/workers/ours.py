"""A worker of ours on the tests' Redis, and jobs for it."""

import django_rq
import pytest

from tests import tasks
from workers.jobs import TurnJob
from workers.worker import AgentWorker, Line


@pytest.fixture
def allowed(settings):
    settings.WORKER_TASKS = [f"tests.tasks.{name}" for name in tasks.ALL]


@pytest.fixture
def worker(allowed, redis_client) -> AgentWorker:
    worker = AgentWorker([own_queue(redis_client)], "ours", connection=redis_client)
    worker.register_birth()
    return worker


def own_queue(redis_client, name: str = "default") -> django_rq.queues.DjangoRQ:
    return django_rq.get_queue(name, connection=redis_client, job_class=TurnJob)


def fetched(worker: AgentWorker, task: str = "noop") -> AgentWorker:
    """The stand-in for a job that was just taken off its queue."""
    queue = worker.queues[0]
    queue.enqueue_call(f"tests.tasks.{task}", ("x",), result_ttl=0, failure_ttl=60)
    return Line(worker, queue).fetch(block=True)
