"""Room is kept for who waits, however much batch work there is. Slots and fetches are counted."""

import json

import pytest

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import eventually
from workers import queues

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


@pytest.mark.parametrize("distribution", ["push", "hash"])
def test_a_hint_is_handed_to_a_worker_and_none_is_lost_when_it_leaves(
    fleet, settings, redis_client, distribution
):
    settings.DISTRIBUTION = distribution
    first = fleet.start(DISTRIBUTION=distribution)
    eventually(lambda: redis_client.hlen("agentsite:offers:default"))
    fleet.started("a")
    second = fleet.start(DISTRIBUTION=distribution)
    eventually(lambda: redis_client.hlen("agentsite:offers:default") == 2)
    first.terminate()
    for number in range(20):
        queues.enqueue("default", "tests.tasks.noop", f"job-{number}", near=str(number))
    for number in range(20):
        fleet.hears(f"job-{number}", "done")
    fleet.go("a")
    assert second.poll() is None
