"""A worker whose queues are on a server that Sentinels watch."""

import pytest
import redis
from rq import Queue

from tests.integration.watched import DATABASE, Watched

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(tmp_path):
    found = Watched(tmp_path)
    found.start()
    yield found
    found.stop()


def ask_for(client: redis.Redis, name: str) -> None:
    line = Queue("default", connection=client, serializer="json")
    line.enqueue_call("tests.tasks.noop", (name,), result_ttl=0)


def test_a_worker_goes_on_at_the_new_master(fleet, watched):
    worker = fleet.start(REDIS_QUEUE_URL=watched.url)
    with watched.master.client(DATABASE) as master:
        ask_for(master, "a")
    fleet.hears("a", "done")
    watched.lose_master()
    with watched.promoted() as master:
        ask_for(master, "b")
    fleet.hears("b", "done")
    assert worker.poll() is None
