"""What stands in Redis is data: RQ would follow names, addresses and pickles that it finds there."""

import json

import pytest
import rq.serializers
from rq.job import Job

from tests.integration.workers.ours import allowed, fetched, worker
from workers.jobs import TurnJob

__all__ = ["allowed", "worker"]


@pytest.mark.parametrize("name", ["success", "failure", "stopped"])
def test_a_callback_in_redis_is_not_followed(worker, redis_client, name):
    seat = fetched(worker)
    redis_client.hset(seat.job.key, f"{name}_callback_name", "os.abort")
    job = TurnJob.fetch(seat.job.id, connection=redis_client)
    assert getattr(Job, f"{name}_callback").fget(job) is not None, "RQ would follow it"
    assert getattr(job, f"{name}_callback") is None


def test_web_hooks_and_retries_in_redis_are_not_followed(worker, redis_client):
    seat = fetched(worker)
    hook = [{"url": "http://127.0.0.1:1/", "status": "failed"}]
    redis_client.hset(seat.job.key, mapping={"retries_left": 3, "webhooks": json.dumps(hook)})
    job = TurnJob.fetch(seat.job.id, connection=redis_client)
    assert (job.retries_left, job.should_retry) == (3, False)
    assert job.send_webhooks("failed", exc_string="") is None


def test_whatever_serializer_is_asked_for_a_job_is_json(redis_client):
    """`manage.py rqworker` passes pickle unless it is told otherwise."""
    job = TurnJob(connection=redis_client, serializer="pickle")
    assert job.serializer is rq.serializers.JSONSerializer
