"""The quarantine: RQ's own forking worker runs the same jobs, one child each."""

import pytest

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import eventually
from workers import queues
from workers.models import WorkerProcess


@pytest.fixture
def stock(fleet: Fleet) -> Fleet:
    fleet.worker = fleet.manage("rqworker", "quarantine")
    return fleet


def test_a_child_is_present_while_its_job_runs(stock, redis_client):
    stock.enqueue("guarded", "a", pool="quarantine")
    name = eventually(lambda: redis_client.lpop("test:a")).decode()
    stock.hears("a", "started")
    mine = WorkerProcess.objects.get()
    assert (mine.name, mine.pool) == (name, "quarantine")
    assert mine.pid != stock.worker.pid
    stock.go("a")
    stock.hears("a", "done")
    eventually(lambda: not WorkerProcess.objects.exists())


def test_a_job_that_takes_too_long_is_told_before_its_child_dies(stock):
    job = stock.enqueue("wait", "slow", pool="quarantine", timeout=2)
    stock.hears("slow", "started")
    stock.hears("slow", "timed_out")
    registry = queues.queue("quarantine").failed_job_registry
    eventually(lambda: registry.get_job_ids() == [job])


def test_only_allowed_functions_run_there_too(stock):
    queue = queues.queue("quarantine")
    job = queue.enqueue_call("os.getcwd", failure_ttl=60)
    eventually(lambda: queue.failed_job_registry.get_job_ids() == [job.id])
    assert "TaskNotAllowed" in queue.fetch_job(job.id).latest_result().exc_string
