"""The quarantine: RQ's own forking worker runs the same jobs, one child each.

`manage.py rqworker` is the stock one, `manage.py agentworker` adds what a container needs.
"""

import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from rq.command import send_stop_job_command

from devtools.ports import free_port
from tests.acceptance.workers.conftest import Fleet
from tests.waiting import GENEROUS, eventually
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
    job = stock.enqueue("wait", "slow", pool="quarantine", timeout=8)
    stock.hears("slow", "started")
    stock.hears("slow", "timed_out")
    registry = queues.queue("quarantine").failed_job_registry
    eventually(lambda: registry.get_job_ids() == [job])


def test_only_allowed_functions_run_there_too(stock):
    queue = queues.queue("quarantine")
    job = queue.enqueue_call("os.getcwd", failure_ttl=60)
    eventually(lambda: queue.failed_job_registry.get_job_ids() == [job.id])
    assert "TaskNotAllowed" in queue.fetch_job(job.id).latest_result().exc_string


def test_a_child_told_to_stop_hands_back_what_does_not_fit_in_the_grace(fleet, redis_client):
    fleet.manage("rqworker", "quarantine", TEST_GRACE="0")
    os.kill(child(fleet, redis_client), signal.SIGTERM)
    fleet.hears("a", "draining")
    eventually(lambda: not WorkerProcess.objects.exists())


def test_a_child_whose_parent_is_killed_hands_its_work_back_and_ends(stock, redis_client):
    pid = child(stock, redis_client)
    stock.worker.kill()
    stock.hears("a", "draining")
    eventually(lambda: not WorkerProcess.objects.exists())
    eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists())


@pytest.fixture
def port(fleet: Fleet, tmp_path) -> int:
    port = free_port()
    environment = {"WORKER_HTTP_PORT": str(port), "METRICS_DIR": str(tmp_path / "metrics")}
    words = ("agentworker", "--pool", "quarantine")
    fleet.worker = fleet.manage(*words, TEST_GRACE="0", **environment)
    return port


def test_a_parent_told_to_stop_tells_its_child_which_hands_its_work_back(fleet, port, redis_client):
    child(fleet, redis_client)
    fleet.worker.terminate()
    fleet.hears("a", "draining")
    assert fleet.worker.wait(GENEROUS) == 0


def test_a_child_ends_though_a_task_of_its_job_does_not(fleet, port):
    fleet.enqueue("stray", "a", pool="quarantine")
    fleet.hears("a", "done")
    fleet.enqueue("noop", "b", pool="quarantine")
    fleet.hears("b", "done")


def test_what_children_have_counted_is_kept_together_and_told_by_their_parent(
    fleet, port, tmp_path
):
    for name in "ab":
        fleet.enqueue("noop", name, pool="quarantine")
        fleet.hears(name, "done")
    eventually((tmp_path / "metrics" / "counter_dead.db").exists)  # before anybody has read
    eventually(lambda: 'agentsite_jobs_total{outcome="done",queue="quarantine"} 2.0' in read(port))


def test_a_stop_ends_the_childs_work_as_stopped_and_its_parent_goes_on(fleet, port, redis_client):
    job = fleet.enqueue("wait", "a", pool="quarantine")
    fleet.hears("a", "started")
    send_stop_job_command(redis_client, job)
    fleet.hears("a", "stopped")
    queue = queues.queue("quarantine")
    eventually(lambda: queue.failed_job_registry.get_job_ids() == [job])
    assert queue.fetch_job(job).get_status() == "stopped"
    fleet.enqueue("noop", "b", pool="quarantine")
    fleet.hears("b", "done")


def read(port: int) -> str:
    """What the port answers; nothing while it is not open yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return answer.read().decode()
    except urllib.error.URLError:
        return ""


def child(fleet: Fleet, redis_client) -> int:
    """The pid of a child whose job has begun."""
    fleet.enqueue("guarded", "a", pool="quarantine")
    eventually(lambda: redis_client.lpop("test:a"))
    fleet.hears("a", "started")
    return WorkerProcess.objects.get().pid
