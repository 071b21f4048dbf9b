"""How a worker leaves, and how others notice when it does not say so."""

import os
import signal

import redis
from django.db import connection
from rq.command import send_shutdown_command

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import GENEROUS, eventually
from workers import queues
from workers.models import WorkerProcess

SHORT = {"TEST_LEASE": "4"}  # seconds


def test_a_worker_told_to_stop_leaves_nothing_behind(fleet, redis_client):
    worker = fleet.start()
    worker.terminate()
    assert worker.wait(GENEROUS) == 0
    assert not WorkerProcess.objects.exists()
    assert not redis_client.exists("rq:workers")


def test_a_job_that_fits_in_the_grace_is_finished(fleet):
    worker = fleet.start()
    fleet.started("a")
    worker.terminate()
    eventually(lambda: "worker_draining" in fleet.said(worker))
    fleet.go("a")
    fleet.hears("a", "done")
    assert worker.wait(GENEROUS) == 0


def test_a_worker_told_to_stop_fetches_no_more(fleet):
    worker = fleet.start(TEST_GRACE="3")
    fleet.started("a")
    worker.terminate()
    eventually(lambda: "worker_draining" in fleet.said(worker))
    fleet.enqueue("noop", "b")
    assert worker.wait(GENEROUS) == 0
    assert queues.depth("default") == 1


def test_what_does_not_fit_in_the_grace_is_handed_back(fleet):
    worker = fleet.start(TEST_GRACE="1")
    fleet.started("a")
    worker.terminate()
    fleet.hears("a", "draining")
    assert worker.wait(GENEROUS) == 0


def test_a_job_that_does_not_hand_itself_back_goes_to_the_head_of_its_queue(fleet):
    worker = fleet.start(TEST_GRACE="1")
    job = fleet.enqueue("deaf", "a")
    fleet.hears("a", "started")
    worker.terminate()
    assert worker.wait(GENEROUS) == 0
    assert queues.queue("default").job_ids == [job]
    assert queues.queue("default").started_job_registry.count == 0


def test_a_second_signal_ends_it_at_once(fleet):
    worker = fleet.start()
    fleet.started("a")
    worker.terminate()
    eventually(lambda: "worker_draining" in fleet.said(worker))
    eventually(lambda: worker.send_signal(signal.SIGTERM) or worker.poll() is not None)
    assert worker.returncode == 1


def test_rqs_shutdown_command_drains(fleet, redis_client):
    worker = fleet.start()
    send_shutdown_command(redis_client, fleet.row(worker).name)
    assert worker.wait(GENEROUS) == 0


def test_a_killed_worker_is_buried_by_another_long_before_its_lease_ends(fleet):
    victim, witness = fleet.start(TEST_LEASE="600"), fleet.start(TEST_LEASE="600")
    dead = fleet.row(victim).name
    fleet.looks_round(witness)
    victim.kill()
    eventually(lambda: not WorkerProcess.objects.filter(name=dead).exists())
    assert fleet.row(witness)


def test_a_frozen_worker_is_buried_after_its_lease_and_abandons_its_jobs(fleet):
    frozen = fleet.start(**SHORT)
    fleet.started("a")
    before = fleet.row(frozen)
    fleet.start(**SHORT)
    os.kill(frozen.pid, signal.SIGSTOP)
    eventually(lambda: not WorkerProcess.objects.filter(id=before.id).exists())
    os.kill(frozen.pid, signal.SIGCONT)
    after = eventually(lambda: fleet.row(frozen))
    assert (after.name, after.pid) == (before.name, before.pid)
    assert after.id != before.id
    fleet.hears("a", "abandoned")


def test_a_worker_that_lost_its_presence_connection_abandons_and_registers_anew(fleet):
    worker = fleet.start()
    fleet.started("a")
    before = fleet.row(worker).id
    end_presence_sessions()
    fleet.hears("a", "abandoned")
    eventually(lambda: (row := fleet.row(worker)) and row.id != before)
    assert WorkerProcess.objects.count() == 1
    fleet.enqueue("noop", "b")
    fleet.hears("b", "done")


def end_presence_sessions() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


def test_a_worker_with_a_stuck_loop_ends_itself(fleet):
    worker = fleet.start(**SHORT)
    fleet.enqueue("hang", "a")
    fleet.hears("a", "started")
    assert worker.wait(GENEROUS) == 70
    assert "event_loop_stuck" in fleet.said(worker)


def test_a_worker_goes_on_after_redis_was_restarted_empty(fleet: Fleet, other_redis):
    worker = fleet.start(REDIS_URL=other_redis.url)
    name = fleet.row(worker).name
    other_redis.kill()
    other_redis.start()
    with redis.Redis.from_url(other_redis.url) as client:
        eventually(lambda: client.smembers("rq:workers") == {f"rq:worker:{name}".encode()})
        eventually(lambda: client.hget(f"rq:worker:{name}", "state") == b"idle")
        rq = queues.Queue("default", connection=client, serializer="json")
        rq.enqueue_call("tests.tasks.noop", ("b",), result_ttl=0)
        eventually(lambda: client.lpop("test:b"))
        told = lambda: send_shutdown_command(client, name) or fleet.said(worker)  # noqa: E731
        eventually(lambda: "worker_draining" in told())  # if not at the first command


def test_a_worker_goes_on_after_redis_was_hung(fleet: Fleet, other_redis):
    worker = fleet.start(REDIS_URL=other_redis.url)
    name = fleet.row(worker).name
    other_redis.freeze()
    eventually(lambda: "fetch_failed" in fleet.said(worker))
    other_redis.thaw()
    with redis.Redis.from_url(other_redis.url) as client:
        rq = queues.Queue("default", connection=client, serializer="json")
        rq.enqueue_call("tests.tasks.noop", ("b",), result_ttl=0)
        eventually(lambda: client.lpop("test:b"))
        told = lambda: send_shutdown_command(client, name) or fleet.said(worker)  # noqa: E731
        eventually(lambda: "worker_draining" in told())


def test_nothing_is_fetched_without_a_presence(fleet):
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    worker = fleet.manage("agentworker", DATABASE_DIRECT_URL=nowhere)
    fleet.enqueue("noop", "a")
    eventually(lambda: fleet.said(worker).count("presence_lost") > 3)
    assert queues.depth("default") == 1
