import socket
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.db import transaction
from rq.job import JobStatus
from rq.utils import utcformat

from tests import tasks
from tests.integration.workers.ours import allowed, worker
from workers import queues
from workers.jobs import FAILURE_TTL, TaskNotAllowed, TurnJob
from workers.running.lines import Line

__all__ = ["allowed", "worker"]

TASK = "conversations.tasks.answer"


def test_a_job_is_json_and_leaves_nothing_when_it_is_done(queue):
    job = queue.fetch_job(queues.enqueue("default", TASK, "some-id"))
    assert job.data == b'["conversations.tasks.answer", null, ["some-id"], {}]'
    assert (job.result_ttl, job.failure_ttl, job.timeout) == (0, FAILURE_TTL, 900)
    assert job.get_status() == JobStatus.QUEUED


def test_jobs_wait_in_order_and_say_since_when(queue):
    assert (queues.depth("default"), queues.oldest("default")) == (0, None)
    first = queue.fetch_job(queues.enqueue("default", TASK, "a"))
    queues.enqueue("default", TASK, "b")
    assert queues.depth("default") == 2
    assert queues.oldest("default") == first.enqueued_at


def test_a_line_is_old_when_its_oldest_job_has_waited_for_longer_than_the_settings_say(
    worker, redis_client, settings
):
    line = Line(worker, worker.queues[0])
    assert not line.is_old()
    old, _ = (TurnJob.key_for(queues.enqueue("default", tasks.ALL[0])) for _ in range(2))
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    redis_client.hset(old, "enqueued_at", utcformat(hour_ago))
    found = []
    for settings.QUEUE_AGEING in (60, 7200):
        found.append(line.is_old())
    assert found == [True, False]
    line.fetch(block=False)
    settings.QUEUE_AGEING = 60
    assert not line.is_old()


def test_an_enqueue_is_six_commands_in_one_round_trip(queue, redis_client):
    queues.enqueue("default", TASK, "a")  # connects
    redis_client.config_resetstat()
    queues.enqueue("default", TASK, "b")
    calls = {name: told["calls"] for name, told in redis_client.info("commandstats").items()}
    del calls["cmdstat_config|resetstat"]
    assert sum(calls.values()) == 6


def test_an_enqueue_inside_a_transaction_is_not_put_off(queue, transactional_db):
    """django-rq's default would return None and wait for a commit that others decide on."""
    with transaction.atomic():
        assert queues.enqueue("default", TASK, "a")
        assert queues.depth("default") == 1


@pytest.fixture
def hung(site_timeouts, queue):
    """A Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        queue.connection.connection_pool.disconnect()
        queue.connection.connection_pool.connection_kwargs["port"] = server.getsockname()[1]
        yield server


def test_a_hung_redis_is_given_up_once_and_soon(hung, queue):
    with pytest.raises(redis.RedisError):
        queues.enqueue("default", TASK, "a")
    assert queue.connection.connection_pool.connection_kwargs["socket_timeout"] == queues.PATIENCE
    hung.setblocking(False)
    hung.accept()[0].close()
    with pytest.raises(BlockingIOError):  # nobody has come a second time
        hung.accept()


def made(redis_client, function: object, **kwargs) -> TurnJob:
    job = TurnJob.create(function, connection=redis_client, **kwargs)
    job.save()
    return TurnJob.fetch(job.id, connection=redis_client)


@pytest.mark.parametrize("name", ["os.getcwd", "conversations.tasks.other", "", "answer"])
def test_only_allowed_names_are_followed(redis_client, name):
    with pytest.raises(TaskNotAllowed):
        made(redis_client, name).call()


def test_an_allowed_function_must_be_a_coroutine_function(redis_client, settings):
    settings.WORKER_TASKS = ["tests.tasks.plain"]
    with pytest.raises(TaskNotAllowed):
        made(redis_client, "tests.tasks.plain", args=["x"]).call()


def test_a_method_of_an_instance_is_not_called(redis_client, settings):
    settings.WORKER_TASKS = ["upper"]
    job = made(redis_client, "upper")
    job.data = b'["upper", "text", [], {}]'
    with pytest.raises(TaskNotAllowed):
        job.call()
