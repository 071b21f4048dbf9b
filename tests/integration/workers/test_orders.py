"""A worker reads what people tell it: when it registers, and with each renewal of its lease."""

import uuid

import pytest

from tests.integration.workers.conftest import unsaved
from workers import orders
from workers.models import DrainRequest, PoolPause
from workers.orders import Orders


@pytest.fixture
def worker(sessions):
    """A registered process with its session."""
    session, row = sessions(), unsaved(name="w-1")
    row.lock = session.lock
    assert session.register(row, former=uuid.uuid4()) == Orders()
    return session, row


def test_a_worker_hears_of_its_drain_and_of_its_end(worker):
    session, row = worker
    orders.drain("w-1", by="ada")
    orders.drain("w-2", by="ada")
    assert session.renew(row.id, 0) == Orders(drained=True)
    orders.resume("w-1", by="ada")
    assert session.renew(row.id, 0) == Orders()


def test_a_worker_hears_of_a_pause_of_its_own_pool_only(worker):
    session, row = worker
    orders.pause("batch", by="ada")
    assert session.renew(row.id, 0) == Orders()
    orders.pause("default", by="ada")
    assert session.renew(row.id, 0) == Orders(paused=True)
    assert orders.paused() == {"batch", "default"}
    orders.unpause("default", by="ada")
    assert session.renew(row.id, 0) == Orders()


def test_who_registers_anew_is_still_drained(worker):
    session, row = worker
    orders.drain("w-1", by="ada")
    again = unsaved(name="w-1")
    assert session.register(again, former=row.id) == Orders(drained=True)


def test_an_order_given_twice_keeps_who_gave_it_first(transactional_db):
    for name in ("ada", "ben"):
        orders.drain("w-1", by=name)
        orders.pause("batch", by=name)
    assert DrainRequest.objects.get().asked_by == PoolPause.objects.get().asked_by == "ada"
