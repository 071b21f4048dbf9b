"""Room is kept for who waits, however much batch work there is. Slots and fetches are counted."""

import json
from pathlib import Path

import pytest
from django.conf import settings

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import eventually
from workers import queues
from workers.handing import MOST_LYING
from workers.observing.tallies import Tallies

SLOTS, RESERVED, BACKLOG = 10, 3, 10_000


@pytest.fixture
def flood(redis_client) -> None:
    """Ten thousand batch jobs that run until they are told to go."""
    line = queues.queue("batch")
    for _ in range(10):
        with line.connection.pipeline(transaction=False) as pipeline:
            for _ in range(BACKLOG // 10):
                line.enqueue_call("tests.tasks.wait", ("batch",), pipeline=pipeline)
            pipeline.execute()


def start(fleet: Fleet):
    reserved = json.dumps({"interactive": RESERVED})
    return fleet.start(TEST_SLOTS=str(SLOTS), TEST_RESERVED=reserved)


def running(queue: str) -> int:
    """How many jobs of a queue were begun and have not landed."""
    return queues.queue(queue).started_job_registry.get_job_count(cleanup=False)


@pytest.mark.slow
def test_ten_thousand_batch_jobs_keep_no_interactive_one_waiting(fleet, flood):
    start(fleet)
    eventually(lambda: running("batch") == SLOTS - RESERVED)
    for number in range(RESERVED):
        fleet.started(f"person-{number}", pool="interactive")
    assert running("batch") == SLOTS - RESERVED
    assert queues.depth("batch") == BACKLOG - (SLOTS - RESERVED)


def test_beyond_the_reserved_slots_an_interactive_job_takes_the_next_that_is_free(fleet):
    start(fleet)
    for number in range(SLOTS - RESERVED):
        fleet.started(f"batch-{number}", pool="batch")
    for number in range(RESERVED + 1):
        fleet.enqueue("wait", f"person-{number}", pool="interactive")
    for number in range(3):
        fleet.enqueue("wait", f"late-{number}", pool="batch")
    eventually(lambda: running("interactive") == RESERVED)
    for number in range(2):  # the first may land before anybody waits for its slot
        fleet.go(f"batch-{number}")
    eventually(lambda: running("interactive") == RESERVED + 1)
    assert queues.depth("interactive") == 0


def test_a_worker_of_one_queue_leaves_the_others_alone(fleet):
    fleet.start("rqworker", "--worker-class", "workers.worker.AgentWorker", "batch")
    fleet.enqueue("noop", "other")
    fleet.started("mine", pool="batch")
    assert queues.depth("default") == 1


def test_of_two_pools_with_the_same_queues_a_worker_is_of_the_one_that_it_was_started_for(fleet):
    other = {"large": {"queues": settings.POOLS["default"]["queues"], "slots": 7}}
    row = fleet.row(fleet.start("agentworker", "--pool", "large", POOLS=json.dumps(other)))
    assert (row.pool, row.slots, row.name.partition("-")[0]) == ("large", 7, "large")


def taken(folder: Path) -> float:
    """Hints that workers have taken of those that were handed to them."""
    samples = (sample for metric in Tallies(folder).collect() for sample in metric.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == "agentsite_hints_handed_total" and sample.labels["outcome"] == "taken"
    )


def handed(fleet: Fleet, folder: Path) -> float:
    """How many of twenty at a time; a worker that stands still for a moment offers nothing."""
    before = taken(folder)
    for number in range(20):
        queues.enqueue("default", "tests.tasks.noop", f"job-{number}", near=str(number))
    for number in range(20):
        fleet.hears(f"job-{number}", "done")
    return taken(folder) - before


def test_hints_are_handed_to_a_worker_until_it_leaves(fleet, settings, redis_client, tmp_path):
    settings.DISTRIBUTION = "hash"
    worker = fleet.start(DISTRIBUTION="hash", METRICS_DIR=str(tmp_path / "metrics"))
    eventually(lambda: handed(fleet, tmp_path / "metrics") >= MOST_LYING["hash"])
    worker.terminate()
    worker.wait()
    queues.enqueue("default", "tests.tasks.noop", "later", near="x")
    assert queues.depth("default") == 1
    assert list(redis_client.scan_iter("agentsite:own:*")) == []
