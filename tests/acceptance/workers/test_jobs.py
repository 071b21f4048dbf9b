"""What becomes of a job: done, stopped, too long, not allowed, unreadable."""

import pickle

import pytest
from django.contrib.auth import get_user_model
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import GENEROUS, eventually
from workers import queues


def failed() -> dict[str, str]:
    """The reasons of failed jobs, by id."""
    queue = queues.queue("default")
    registry = FailedJobRegistry(queue=queue)
    jobs = (queue.fetch_job(job_id) for job_id in registry.get_job_ids())
    return {job.id: job.latest_result().exc_string for job in jobs if job}


@pytest.fixture
def working(fleet: Fleet) -> Fleet:
    fleet.start()
    return fleet


def test_stop_in_the_admin_ends_the_job_as_stopped(working, client):
    job = working.started("a")
    client.force_login(get_user_model().objects.create_superuser("ada", password="x"))
    client.post(f"/admin/rq/queues/0/{job}/stop/")
    working.hears("a", "stopped")
    assert eventually(lambda: failed().get(job)) == "Stopped by a person"
    assert queues.queue("default").fetch_job(job).get_status() == "stopped"
    assert client.get(f"/admin/rq/queues/0/{job}/").status_code == 200


def test_a_job_that_takes_too_long_is_told_and_fails(working):
    job = working.started("slow", timeout=4)  # seconds, in which it surely says so
    working.hears("slow", "timed_out")
    assert eventually(lambda: failed().get(job)) == "The job took more than 4 seconds"


def test_no_job_stops_the_worker_and_each_failure_has_a_reason(working, redis_client):
    """Names that nobody allowed, pickles, functions that raise, exit, or are no coroutines."""
    queue = queues.queue("default")
    pickled = Queue("default", connection=redis_client).enqueue("os.getcwd", failure_ttl=60)
    reasons = {
        queue.enqueue_call("os.getcwd").id: "os.getcwd is not in settings.WORKER_TASKS",
        working.enqueue("explode", "boom"): "RuntimeError: boom",
        working.enqueue("leave", "bye"): "SystemExit: bye",
        working.enqueue("plain", "x"): "tests.tasks.plain is not a coroutine function",
        working.enqueue("noop"): "missing 1 required positional argument",
        pickled.id: "DeserializationError",
    }
    eventually(lambda: len(failed()) == len(reasons))
    for job, reason in reasons.items():
        assert reason in failed()[job]
    working.enqueue("noop", "still")
    working.hears("still", "done")


def test_a_job_that_cannot_be_read_is_dropped(working, redis_client):
    queue = queues.queue("default")
    for job_id, field in (("odd-status", "status"), ("odd-time", "created_at")):
        redis_client.hset(Job.key_for(job_id), mapping={"data": pickle.dumps(1), field: "?"})
        redis_client.rpush(queue.key, job_id)
    redis_client.rpush(queue.key, "no such job", "never-was")
    working.enqueue("noop", "still")
    working.hears("still", "done")
    eventually(lambda: redis_client.llen(queue.key) == 0)


def test_what_a_job_asks_for_beside_its_call_is_not_done(fleet, redis_client):
    """Callbacks are names that come from Redis like any other, and retries are not for turns."""
    job = queues.queue("default").enqueue_call("tests.tasks.explode", ("x",), failure_ttl=60)
    redis_client.hset(job.key, mapping={"failure_callback_name": "os.abort", "retries_left": 3})
    fleet.start()  # to whom it comes like this
    eventually(lambda: failed().get(job.id))
    fleet.enqueue("noop", "still")
    fleet.hears("still", "done")


def test_a_burst_worker_ends_when_the_queue_is_empty(fleet):
    for number in range(3):
        fleet.enqueue("noop", f"job-{number}")
    worker = fleet.manage("rqworker", "--worker-class", "workers.worker.AgentWorker", "--burst")
    assert worker.wait(GENEROUS) == 0
    for number in range(3):
        fleet.hears(f"job-{number}", "done")
