"""A worker is drained and resumed, a pool paused and resumed: the processes stay."""

from tests.acceptance.workers.conftest import Fleet
from tests.waiting import GENEROUS, eventually
from workers import orders, queues
from workers.models import WorkerProcess

# Seconds; orders are read with each renewal.
SHORT = {"TEST_LEASE": "5"}
LONG = {"TEST_LEASE": "20"}  # of two, none is to bury the other that stood still for a while


def says(fleet: Fleet, worker) -> None:
    """Wait until the worker has obeyed its first order."""
    eventually(lambda: "orders_obeyed" in fleet.said(worker))


def renews(fleet: Fleet, worker) -> None:
    """Wait for the worker's next renewal: it has had the time to do what it should not."""
    lease = fleet.row(worker).lease
    eventually(lambda: fleet.row(worker).lease > lease)


def test_a_drained_worker_fetches_nothing_until_it_is_resumed(fleet):
    worker = fleet.start(**SHORT)
    fleet.started("a")
    name = fleet.row(worker).name
    orders.drain(name, by="ada")
    says(fleet, worker)
    fleet.enqueue("noop", "b")
    fleet.go("a")
    fleet.hears("a", "done")
    eventually(lambda: queues.depth("default") == 1)  # who had asked already puts it back
    orders.resume(name, by="ada")
    fleet.hears("b", "done")
    assert worker.poll() is None


def test_a_drained_worker_hands_back_what_outlasts_the_grace_and_stays(fleet):
    worker = fleet.start(**SHORT, TEST_GRACE="1")
    fleet.started("a")
    orders.drain(fleet.row(worker).name, by="ada")
    fleet.hears("a", "draining")
    eventually(lambda: fleet.row(worker).in_flight == 0)
    assert worker.poll() is None


def test_a_paused_pool_finishes_what_runs_and_fetches_nothing(fleet):
    workers = [fleet.start(**LONG, TEST_GRACE="1") for _ in range(2)]
    fleet.started("a")
    orders.pause("default", by="ada")
    for worker in workers:
        says(fleet, worker)
    fleet.enqueue("noop", "b")
    for worker in workers:
        renews(fleet, worker)
    assert sum(WorkerProcess.objects.values_list("in_flight", flat=True)) == 1
    eventually(lambda: queues.depth("default") == 1)  # who had asked already puts it back
    fleet.go("a")
    fleet.hears("a", "done")
    orders.unpause("default", by="ada")
    fleet.hears("b", "done")


def test_who_starts_in_a_paused_pool_fetches_nothing(fleet):
    orders.pause("default", by="ada")
    fleet.enqueue("noop", "a")
    worker = fleet.start(**SHORT)
    says(fleet, worker)
    renews(fleet, worker)
    assert queues.depth("default") == 1
    orders.unpause("default", by="ada")
    fleet.hears("a", "done")


def test_a_stock_worker_leaves_the_jobs_of_a_paused_pool(fleet):
    orders.pause("quarantine", by="ada")
    fleet.enqueue("noop", "a", pool="quarantine")
    worker = fleet.manage("rqworker", "quarantine", "--burst")
    assert worker.wait(GENEROUS) == 0
    assert "job_left" in fleet.said(worker)
    orders.unpause("quarantine", by="ada")
    fleet.enqueue("noop", "b", pool="quarantine")
    assert fleet.manage("rqworker", "quarantine", "--burst").wait(GENEROUS) == 0
    fleet.hears("b", "done")
