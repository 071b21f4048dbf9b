"""What the pools had to do, sampled by everybody and kept once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.integration.workers.conftest import row
from tests.tasks import ALL
from tests.waiting import GENEROUS
from workers import orders, queues
from workers.fleet import demand, samples
from workers.models import DrainRequest, PoolSample, ScalingDecision


@pytest.fixture
def _queues(redis_client, transactional_db):
    """RQ's queues on the tests' Redis."""
    queues.queue.cache_clear()
    yield
    queues.queue.cache_clear()


@pytest.fixture
def _clock_stands(monkeypatch):
    """Two samples of one test fall into one stretch."""
    now = timezone.now()
    monkeypatch.setattr(samples, "_stretch", lambda: now)


@pytest.mark.usefixtures("_queues")
def test_the_demand_of_a_pool_is_what_waits_and_who_serves():
    queues.enqueue("default", ALL[0])
    queues.enqueue("batch", ALL[0])
    row(name="a", in_flight=3)
    row(name="b", in_flight=4)
    row(name="c", lease=-1)
    orders.drain("b", by="ada")
    found = demand.demands()["default"]
    assert (found.workers, found.drained, found.slots, found.in_flight) == (1, 1, 10, 3)
    assert found.waiting == 2
    assert 0 <= found.oldest < GENEROUS
    assert found.busy == 5


@pytest.mark.usefixtures("_queues", "_clock_stands")
def test_of_all_who_sample_a_stretch_one_is_kept(django_assert_num_queries):
    assert samples.take() == len(demand.demands())
    with django_assert_num_queries(1):
        assert samples.take() == 0
    assert PoolSample.objects.filter(pool="default").count() == 1


@pytest.mark.usefixtures("_queues", "_clock_stands")
def test_two_who_sample_at_the_same_moment_do_not_quarrel(monkeypatch):
    samples.take()
    before = list(PoolSample.objects.values())
    monkeypatch.setattr(samples, "_is_taken", lambda _: False)
    samples.take()
    assert list(PoolSample.objects.values()) == before


def test_the_clock_that_cuts_the_time_is_the_databases(transactional_db):
    stretch = samples._stretch()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    assert stretch.timestamp() % samples.EVERY == 0
    assert timedelta() <= now - stretch < timedelta(seconds=2 * samples.EVERY)


@pytest.mark.usefixtures("_queues")
def test_what_is_old_goes(monkeypatch):
    row(name="lives")
    for name in ("lives", "gone"):
        orders.drain(name, by="ada")
    samples.take()
    ScalingDecision.objects.create(pool="default", size=1, wanted=2, load=9, reason="r")
    for days, left in ((0.5, 2), (2, 1), (40, 1)):
        later = timezone.now() + timedelta(days=days)
        monkeypatch.setattr(samples, "_stretch", lambda later=later: later)
        samples.take()
        assert DrainRequest.objects.count() == left
        assert PoolSample.objects.values("at").distinct().count() == 1
    assert not ScalingDecision.objects.exists()


def test_without_redis_nothing_is_sampled(transactional_db, settings, redis_client):
    queues.queue.cache_clear()
    settings.RQ_QUEUES = {
        name: told | {"URL": "redis://127.0.0.1:1/0"} for name, told in settings.RQ_QUEUES.items()
    }
    assert samples.take() == 0
    assert not PoolSample.objects.exists()
    queues.queue.cache_clear()
