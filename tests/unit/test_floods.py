"""A socket may send a burst and then a steady rate; who keeps hammering is closed."""

import pytest

from conversations.sockets.floods import BURST, PATIENCE, RATE, Flood, Verdict
from tests.counting import counted


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def flood(clock):
    flood = Flood(clock)
    assert {flood.judge() for _ in range(BURST)} == {Verdict.ADMITTED}
    return flood


def test_what_exceeds_the_burst_is_refused(flood):
    with counted("agentsite_limited_total", limit="socket"):
        assert flood.judge() is Verdict.REFUSED


def test_the_rate_may_be_sent_for_ever(flood, clock):
    for _ in range(10 * BURST):
        clock.now += 1.01 / RATE
        assert flood.judge() is Verdict.ADMITTED


def test_a_long_pause_allows_one_burst_and_no_more(flood, clock):
    clock.now += 10 * BURST / RATE
    verdicts = [flood.judge() for _ in range(BURST + 1)]
    assert verdicts == [Verdict.ADMITTED] * BURST + [Verdict.REFUSED]


def test_who_goes_on_though_refused_is_flooding(flood):
    assert {flood.judge() for _ in range(PATIENCE)} == {Verdict.REFUSED}
    assert flood.judge() is Verdict.FLOODING


def test_who_slows_down_is_forgiven(flood, clock):
    for _ in range(PATIENCE):
        flood.judge()
    clock.now += 1.01 / RATE
    assert flood.judge() is Verdict.ADMITTED
    assert flood.judge() is Verdict.REFUSED
