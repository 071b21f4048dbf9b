"""What the engine leans on in RQ and django-rq, name by name: an update that moves one fails here.

RQ promises little about these names; from 2.0 to 2.12 they did not change.
"""

import inspect
from datetime import timedelta

import pytest
import redis
import rq.command
import rq.executions
import rq.job
import rq.suspension
import rq.utils
from rq import Queue, Worker, worker_registration
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.worker import WorkerStatus

from tests.integration.workers.ours import allowed, fetched, own_queue, worker
from tests.waiting import GENEROUS
from workers.jobs import FAILURE_TTL
from workers.worker import AgentWorker, Line

__all__ = ["allowed", "worker"]

NAMES = {
    Worker.bootstrap: "self logging_level date_format log_format",
    Worker.teardown: "self",
    Worker.work: "self burst logging_level date_format log_format max_jobs max_idle_time"
    " with_scheduler dequeue_strategy",
    Worker.fork_work_horse: "self job queue",
    Worker.get_current_job_id: "self pipeline",
    Worker.handle_payload: "self message",
    Worker.handle_warm_shutdown_request: "self",
    Worker._pubsub_exception_handler: "self exc pubsub pubsub_thread",
    Worker.get_heartbeat_ttl: "self job",
    Worker.cleanup_execution: "self job pipeline",
    Worker.handle_exception: "self job exc_info",
    Worker.handle_job_failure: "self job queue started_job_registry exc_string",
    Worker.increment_successful_job_count: "self pipeline",
    Worker.increment_total_working_time: "self job_execution_time pipeline",
    Worker.run_maintenance_tasks: "self",
    Worker.serialize: "self",
    Worker.set_current_job_id: "self job_id pipeline",
    Worker.set_state: "self state pipeline",
    Queue.dequeue_any.__func__: "cls queues timeout connection job_class serializer"
    " death_penalty_class",
    Queue.push_job_id: "self job_id pipeline at_front",
    Execution.create.__func__: "cls job ttl pipeline worker_name",
    Execution.heartbeat: "self started_job_registry ttl pipeline",
    IntermediateQueue.remove: "self job_id",
    Job.heartbeat: "self timestamp ttl pipeline xx",
    Job.prepare_for_execution: "self worker_name pipeline",
    Job.set_status: "self status pipeline",
    Job.send_webhooks: "self status exc_string",
    Job._execute: "self",
    worker_registration.register: "worker pipeline",
    rq.suspension.is_suspended: "connection worker",
    rq.command.parse_payload: "payload",
    rq.utils.ensure_job_list: "obj",
    rq.utils.now: "",
}


@pytest.mark.parametrize("function", NAMES, ids=lambda function: function.__qualname__)
def test_a_name_has_the_parameters_that_we_give_it(function):
    assert " ".join(inspect.signature(function).parameters) == NAMES[function]


def kept(redis_client, *jobs: Job) -> dict[str, set[str]]:
    """RQ's keys and their fields; ids are the same word, so that jobs can be compared."""
    found = {}
    for key in map(bytes.decode, redis_client.keys("rq:*")):
        fields = redis_client.hkeys(key) if redis_client.type(key) == b"hash" else []
        name = ":".join(key.split(":")[:2])
        found.setdefault(name, set()).update(map(bytes.decode, fields))
    return found


def test_what_is_written_before_a_job_is_what_rq_writes(worker, redis_client):
    fetched(worker).begin()
    ours = kept(redis_client)
    redis_client.flushdb()
    worker.register_birth()
    seat = fetched(worker)
    Worker.prepare_execution(seat, seat.job)
    Worker.prepare_job_execution(seat, seat.job, remove_from_intermediate_queue=True)
    rqs = kept(redis_client)
    rqs["rq:worker"].discard("current_job_working_time")  # of one of many jobs: says nothing
    assert ours == rqs


def test_what_is_left_after_a_job_is_what_rq_leaves(worker, redis_client):
    seat = fetched(worker)
    seat.begin()
    seat.succeed()
    ours = kept(redis_client)
    redis_client.flushdb()
    worker.register_birth()
    seat = fetched(worker)
    seat.begin()
    seat.job.ended_at = rq.utils.now()
    Worker.handle_job_success(seat, seat.job, seat.queue, seat.queue.started_job_registry)
    assert ours == kept(redis_client)
    assert not [name for name in ours if "job" in name or "exec" in name or "wip" in name]


def test_a_fetched_job_is_in_the_intermediate_queue_until_it_has_begun(worker, redis_client):
    """BLMOVE: a worker killed between the two loses nothing."""
    seat = fetched(worker)
    waiting = worker.queues[0].intermediate_queue
    assert waiting.get_job_ids() == [seat.job.id]
    seat.begin()
    assert waiting.get_job_ids() == []
    assert seat.job.id in worker.queues[0].started_job_registry


def test_a_queue_with_nothing_in_it_says_so_after_a_second(worker):
    with pytest.raises(DequeueTimeout):
        Queue.dequeue_any(worker.queues, 1, worker.connection)
    assert Line(worker, worker.queues[0]).fetch(block=True) is None
    assert Line(worker, worker.queues[0]).fetch(block=False) is None


def test_rq_shows_one_busy_worker_with_its_newest_job(worker):
    first, second = fetched(worker), fetched(worker)
    first.begin()
    second.begin()
    assert shown(worker) == ("busy", second.job.id)
    second.succeed()
    assert shown(worker) == ("busy", first.job.id)
    first.succeed()
    assert shown(worker) == ("idle", None)


def shown(worker: AgentWorker) -> tuple[str, str | None]:
    seen = Worker.find_by_key(worker.key, connection=worker.connection)
    return seen.get_state(), seen.get_current_job_id()


def test_a_stand_in_shares_the_worker_but_not_its_job(worker):
    first, second = fetched(worker), fetched(worker)
    first.begin()
    assert (first.name, first.connection) == (worker.name, worker.connection)
    assert first.job.id != second.job.id
    assert second.execution is None


@pytest.mark.parametrize(("end", "status"), [("fail", "failed"), ("stop", "stopped")])
def test_a_failed_job_is_kept_for_a_minute_with_its_reason(worker, redis_client, end, status):
    seat = fetched(worker)
    seat.job.failure_ttl = None  # as RQ's default, a year
    seat.begin()
    seat.fail("because", None) if end == "fail" else seat.stop()
    queue = worker.queues[0]
    assert queue.failed_job_registry.get_job_ids() == [seat.job.id]
    assert queue.fetch_job(seat.job.id).get_status() == status
    assert 0 < redis_client.ttl(seat.job.key) <= FAILURE_TTL
    assert queue.started_job_registry.count == 0


def test_a_job_put_back_is_the_next_to_be_fetched(worker):
    seat = fetched(worker)
    seat.begin()
    other = worker.queues[0].enqueue_call("tests.tasks.noop", ("y",))
    seat.put_back()
    assert worker.queues[0].job_ids == [seat.job.id, other.id]
    assert worker.queues[0].fetch_job(seat.job.id).get_status() == "queued"
    assert worker.queues[0].started_job_registry.count == 0


def test_a_heartbeat_keeps_the_worker_and_its_executions(worker, redis_client):
    seat = fetched(worker)
    seat.begin()
    seat.execution.last_heartbeat -= timedelta(minutes=1)
    for key in (worker.key, seat.execution.key):
        redis_client.expire(key, 60)
    worker.beat()
    assert redis_client.ttl(worker.key) > 60
    assert redis_client.ttl(seat.execution.key) > 60


def test_a_heartbeat_of_a_job_that_was_deleted_leaves_no_key(worker, redis_client):
    seat = fetched(worker)
    seat.begin()
    seat.execution.last_heartbeat -= timedelta(minutes=1)
    redis_client.delete(seat.job.key)
    worker.beat()
    assert not redis_client.exists(seat.job.key)


def test_a_redis_that_lost_all_is_told_of_the_worker_again(worker, redis_client):
    fetched(worker).begin()
    redis_client.flushdb()
    worker.beat()
    [seen] = Worker.all(queue=worker.queues[0])
    assert (seen.name, seen.get_state()) == (worker.name, WorkerStatus.BUSY)


def test_a_stop_reaches_the_worker_that_runs_the_job(worker, redis_client):
    """RQ finds the worker by the job's worker_name, which begin writes."""
    seat = fetched(worker)
    seat.begin()
    with redis_client.pubsub() as listener:
        listener.subscribe(rq.command.PUBSUB_CHANNEL_TEMPLATE % worker.name)
        listener.get_message(timeout=GENEROUS)
        rq.command.send_stop_job_command(redis_client, seat.job.id)
        payload = rq.command.parse_payload(listener.get_message(timeout=GENEROUS))
    assert payload == {"command": "stop-job", "job_id": seat.job.id}


def test_a_time_out_leaves_the_worker_listening_for_commands(worker):
    """RQ's own handler raises it again, which ends the thread."""
    worker._pubsub_exception_handler(redis.TimeoutError(), None, None)


def test_a_name_given_twice_is_two_names(redis_client, monkeypatch):
    ours = AgentWorker([own_queue(redis_client)], "same", connection=redis_client)
    ours.register_birth()
    assert ours.name.startswith("same-")
    with pytest.raises(ValueError, match="active worker"):
        AgentWorker([own_queue(redis_client)], "same", connection=redis_client).register_birth()


def test_rqs_tools_find_the_worker_under_its_exact_name(worker, redis_client):
    assert AgentWorker.find_by_key(worker.key, connection=redis_client).name == worker.name


def test_a_scheduler_is_refused_with_the_mend(worker):
    with pytest.raises(ValueError, match="rqscheduler"):
        worker.work(with_scheduler=True)
