"""Faults of others: one pool's hold up no other."""

from dataclasses import replace

import pytest
from django.db import OperationalError, connections
from redis import RedisError

from tests.integration.workers.conftest import direct  # noqa: F401 - a fixture
from workers.autoscaler.control import Autoscaler
from workers.autoscaler.signals import load
from workers.fleet.demand import Demand
from workers.models import ScalingDecision


def by_zero(pool, demand):
    """A project's own signal, with a fault."""
    raise ZeroDivisionError


def by_redis(pool, demand):
    raise RedisError


def by_database(pool, demand):
    raise OperationalError


@pytest.fixture
def other(scaled, settings):
    """Another pool than that which is scaled."""
    settings.POOLS = settings.POOLS | {"other": {"queues": ["default"], "slots": 1}}
    return replace(scaled, name="other")


@pytest.mark.parametrize("signal", ["by_zero", "by_redis", "by_database"])
def test_a_signal_with_a_fault_holds_up_no_other_pool(autoscaler, waiting, scaled, other, signal):
    faulty = replace(other, scaling=replace(other.scaling, signal=f"{__name__}.{signal}"))
    one = Autoscaler([faulty, scaled], autoscaler.launcher)
    waiting(15)
    try:
        assert [decision.wanted for decision in one.look()] == [2]
    finally:
        one.close(leave_running=True)


asked = []


def by_row(pool, demand):
    """Asks PostgreSQL, in whatever thread it is called."""
    asked.append(connections["default"])
    return ScalingDecision.objects.count()


def test_a_signal_that_asks_postgresql_keeps_no_connection(scaled):
    load(replace(scaled, scaling=replace(scaled.scaling, signal=f"{__name__}.by_row")), Demand())
    assert [one.connection for one in asked] == [None]


def test_a_launcher_with_a_fault_holds_up_no_other_pool(autoscaler, waiting, scaled, other):
    one = Autoscaler([other, scaled], autoscaler.launcher)
    waiting(15)
    made = []
    try:
        for deed in ("adopt", "tend", ""):
            autoscaler.launcher.faults["other"] = deed
            made.append([(decision.wanted, decision.size) for decision in one.look()])
    finally:
        one.close(leave_running=True)
    assert made == [[(2, 1)], [(2, 1), (2, 2)], [(2, 2), (2, 2)]]
    assert autoscaler.launcher.adopted == ["default", "other"]
