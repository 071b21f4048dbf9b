"""What RQ's bookkeeping costs in Redis, counted: at most 30 commands in 8 round trips a job."""

import os

import pytest
import redis

from tests.integration.workers.ours import own_queue
from workers.jobs import FAILURE_TTL
from workers.worker import AgentWorker, Line


class Counting(redis.Connection):
    """Counts what is sent at once."""

    sent = 0

    def send_packed_command(self, *args, **kwargs):
        type(self).sent += 1
        return super().send_packed_command(*args, **kwargs)


@pytest.fixture
def counted(redis_client, settings):
    settings.WORKER_TASKS = ["tests.tasks.noop"]
    pool = redis.ConnectionPool.from_url(os.environ["REDIS_URL"], connection_class=Counting)
    with redis.Redis(connection_pool=pool) as client:
        yield client
    pool.disconnect()


def run_one(worker: AgentWorker) -> None:
    """A job's whole life but for the job itself."""
    queue = worker.queues[0]
    with queue.connection.pipeline() as pipeline:
        options = {"result_ttl": 0, "failure_ttl": FAILURE_TTL, "pipeline": pipeline}
        queue.enqueue_call("tests.tasks.noop", ("x",), **options)
        pipeline.execute()
    seat = Line(worker, queue).fetch(block=True)
    seat.begin()
    seat.succeed()


def test_a_job_is_within_the_budget(counted, redis_client):
    worker = AgentWorker([own_queue(counted)], connection=counted)
    run_one(worker)  # connects, asks for the server's version
    redis_client.config_resetstat()
    Counting.sent = 0
    run_one(worker)
    sent = Counting.sent
    calls = {name: told["calls"] for name, told in redis_client.info("commandstats").items()}
    del calls["cmdstat_config|resetstat"]
    assert (sum(calls.values()), sent) == (29, 5)
