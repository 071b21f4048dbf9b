"""The decision about a pool's size, one rule at a time."""

import threading

import pytest

from tests.waiting import GENEROUS, eventually
from workers.autoscaler import signals
from workers.autoscaler.deciding import Memory, Seen, decide
from workers.autoscaler.signals import Load, load
from workers.fleet.demand import Demand
from workers.launchers import NotScaled
from workers.pools import Pool, Scaling

RULE = Scaling(upper=10, lower=2, up_cooldown=30, down_cooldown=300, step=3)
POOL = Pool(name="default", queues=("default",), slots=100, minimum=1, maximum=8, scaling=RULE)
NEW, LONG_CALM = Memory(), Memory(calm_since=0)


def decided(total: float, size: int, *, at: float = 1000, memory: Memory = NEW, **seen):
    """The size that is wanted and why."""
    shared = seen.pop("shared", True)
    look = Seen(at=at, size=size, load=Load(total, shared), **seen)
    decision, _ = decide(POOL, look, memory)
    return decision.wanted, decision.reason


def test_it_grows_by_what_the_load_needs():
    assert decided(25, 2) == (3, "depth is 12.5, above 10")


def test_it_grows_by_a_step_at_most():
    assert decided(500, 2)[0] == 5


def test_it_grows_by_a_step_where_more_processes_do_not_share_the_load():
    assert decided(11, 2, shared=False)[0] == 5


def test_it_does_not_grow_above_its_maximum():
    assert decided(500, 7)[0] == 8
    assert decided(500, 8) == (8, "depth is 62.5, above 10, but 8 is the maximum")


def test_between_the_thresholds_it_stays():
    assert decided(10, 2) == (2, "depth is 5, between 2 and 10")


def test_it_rests_after_a_change_before_it_grows():
    memory = Memory(changed=980)
    assert decided(500, 2, memory=memory) == (2, "depth is 250, above 10, may grow in 10 s")
    assert decided(500, 2, at=1010, memory=memory)[0] == 5


def test_it_shrinks_after_a_whole_cooldown_of_calm():
    assert decided(0, 8, memory=Memory(calm_since=701))[0] == 8
    assert decided(0, 8, memory=Memory(calm_since=700)) == (5, "depth is 0, below 2")


def test_it_rests_after_a_change_before_it_shrinks():
    memory = Memory(calm_since=0, changed=900)
    assert decided(0, 8, memory=memory) == (8, "depth is 0, below 2, may shrink in 200 s")


def test_a_moment_of_load_begins_the_calm_anew():
    look = Seen(at=1000, size=4, load=Load(20))
    assert decide(POOL, look, LONG_CALM)[1].calm_since is None


def test_it_does_not_shrink_below_what_has_to_be_done():
    assert decided(0, 4, memory=LONG_CALM, busy=250)[0] == 3
    assert decided(0, 3, memory=LONG_CALM, busy=250)[0] == 3


def test_it_does_not_shrink_into_growing_again():
    close = Scaling(upper=10, lower=9, down_cooldown=0)
    pool = Pool(name="p", queues=("p",), slots=100, scaling=close)
    look = Seen(at=1000, size=3, load=Load(26))
    assert decide(pool, look, LONG_CALM)[0].wanted == 3


def test_the_first_job_of_an_empty_pool_starts_a_process():
    pool = Pool(name="p", queues=("p",), slots=100, minimum=0, scaling=RULE)
    look = Seen(at=1000, size=0, load=Load(1), busy=1)
    assert decide(pool, look, Memory())[0].wanted == 1


@pytest.mark.parametrize(("size", "bounded"), [(0, 1), (20, 8)])
def test_a_size_outside_the_bounds_is_mended_at_once(size, bounded):
    just_now = Memory(changed=999)
    assert decided(5, size, memory=just_now) == (bounded, "its bounds are 1 to 8")


def twice(pool: Pool, demand: Demand) -> float:
    """A project's own signal."""
    return demand.waiting * 2


@pytest.mark.parametrize(
    ("signal", "each"),
    [("depth", 6), ("age", 30), ("slots", 0.56), (f"{__name__}.twice", 24)],
)
def test_a_signal_by_name_or_by_path(signal, each):
    pool = Pool(name="p", queues=("p",), slots=100, scaling=Scaling(signal=signal))
    demand = Demand(waiting=12, oldest=30, in_flight=100)
    assert load(pool, demand).each(2) == each


def by(signal: str) -> Pool:
    """A pool that is scaled by a function of this module."""
    rule = Scaling(signal=f"{__name__}.{signal}")
    return Pool(name=signal, queues=("p",), slots=100, scaling=rule)


def no_number(pool: Pool, demand: Demand) -> float:
    return float("nan")


def test_what_is_no_number_decides_nothing():
    with pytest.raises(NotScaled):
        load(by("no_number"), Demand())


asked, over = [], threading.Event()


def slow(pool: Pool, demand: Demand) -> float:
    """Asks somebody who says nothing for a while."""
    asked.append(pool)
    over.wait(GENEROUS)
    return 7


def answered(pool: Pool) -> Load | None:
    try:
        return load(pool, Demand())
    except NotScaled:
        return None


def test_a_signal_that_hangs_is_given_up_and_asked_again_when_it_is_through(monkeypatch):
    monkeypatch.setattr(signals, "PATIENCE", 0.1)
    assert [answered(by("slow")) for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    over.set()
    assert eventually(lambda: answered(by("slow"))) == Load(7, shared=False)
