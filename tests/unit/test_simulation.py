"""The simulation of fleets, against runs that its costs were not taken from."""

import pytest
import simpy

from benchmarks.simulate.costs import Check, Costs
from benchmarks.simulate.measuring import predicted
from benchmarks.simulate.model import Station
from benchmarks.simulate.scenarios import Fleet, binds, simulate

DISTANCE = 0.25  # as docs/scaling.md says


@pytest.mark.parametrize(
    "check", Check.read(), ids=lambda check: f"{check.clients}-clients-{check.deltas}-deltas"
)
def test_it_is_near_what_was_measured(check):
    assert predicted(Costs.read(), check) == pytest.approx(check.rate, rel=DISTANCE)


def test_more_servers_for_events_do_not_help_rqs_one():
    fleet = Fleet(400, live=16, pooler=True)
    assert binds(fleet, simulate(fleet, Costs.read())).startswith("Redis `queue` (")


def test_presence_goes_around_a_pooler():
    assert Fleet(1000, pooler=True).connections > 1000
    assert Fleet(1000, pooler=True, cells=5).cell.connections < 500


def test_what_goes_on_anyway_leaves_a_station_less():
    environment = simpy.Environment()
    station = Station(environment, 1, rest=0.75)
    environment.process(station.use(1))
    environment.run()
    assert environment.now == 4
    assert station.share(4) == 1
