"""What holds of every decision, whatever is seen: bounds, cooldowns, no thrash, monotone."""

from itertools import pairwise
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from workers.autoscaler.deciding import Memory, Seen, decide
from workers.autoscaler.signals import Load
from workers.pools import Pool, Scaling

SLOTS = 10
# What a signal may say: a project's own says what it likes, if it is a number.
anything = st.floats(0, 1e6) | st.integers(0, 200).map(float) | st.sampled_from([-inf, -1, inf])


@st.composite
def pools(draw) -> Pool:
    minimum = draw(st.integers(0, 5))
    lower = draw(st.floats(0, 50))
    rule = Scaling(
        lower=lower,
        upper=lower + draw(st.floats(0.1, 50)),
        up_cooldown=draw(st.integers(0, 60)),
        down_cooldown=draw(st.integers(0, 300)),
        step=draw(st.integers(1, 5)),
    )
    maximum = minimum + draw(st.integers(0, 20))
    return Pool(
        name="p", queues=("p",), slots=SLOTS, minimum=minimum, maximum=maximum, scaling=rule
    )


loads = st.builds(Load, anything, st.booleans())
memories = st.builds(Memory, changed=st.floats(-1e6, 0), calm_since=st.none() | st.floats(-1e6, 0))
# how much later each look is, and what it sees
histories = st.lists(
    st.tuples(st.floats(0, 120), anything, st.integers(0, 300)), min_size=1, max_size=60
)


def run(pool: Pool, history, *, shared: bool, size: int | None = None):
    """Let the decisions of a history follow each other; (at, load each, size before, size after)."""
    at, memory = 0.0, Memory()
    size = pool.minimum if size is None else size
    steps = []
    for pause, total, busy in history:
        at += pause
        seen = Seen(at=at, size=size, load=Load(total, shared), busy=busy)
        decision, memory = decide(pool, seen, memory)
        steps.append((at, seen.load.each(size), size, decision.wanted))
        size = decision.wanted
    return steps


@given(pools(), loads, memories, st.integers(0, 100), st.integers(0, 10_000))
def test_the_bounds_are_kept_and_a_step_is_a_step(pool, load, memory, size, busy):
    decision, _ = decide(pool, Seen(at=0, size=size, load=load, busy=busy), memory)
    assert pool.minimum <= decision.wanted <= pool.maximum
    if pool.minimum <= size <= pool.maximum:
        assert abs(decision.wanted - size) <= pool.scaling.step


@given(pools(), histories, st.booleans())
def test_no_change_comes_before_its_cooldown_is_over(pool, history, shared):
    changes = [step for step in run(pool, history, shared=shared) if step[2] != step[3]]
    for (earlier, *_), (later, _, before, after) in pairwise(changes):
        rule = pool.scaling
        rest = rule.up_cooldown if after > before else rule.down_cooldown
        assert later - earlier >= rest - 1e-6


@given(pools(), histories, st.booleans())
def test_nobody_is_taken_away_before_a_whole_cooldown_of_calm(pool, history, shared):
    steps = run(pool, history, shared=shared)
    for place, (at, _, before, after) in enumerate(steps):
        if after < before:
            rest = pool.scaling.down_cooldown
            recent = [step for step in steps[: place + 1] if step[0] > at - rest + 1e-6]
            assert all(each < pool.scaling.lower for _, each, *_ in recent)
            assert at - steps[0][0] >= rest - 1e-6


@given(pools(), anything, st.booleans(), st.integers(0, 25), st.integers(0, 300))
def test_under_a_steady_load_a_pool_settles_and_never_turns_round(pool, total, shared, size, busy):
    size = min(max(size, pool.minimum), pool.maximum)
    history = [(400.0, total, busy)] * 80
    sizes = [after for *_, after in run(pool, history, shared=shared, size=size)]
    assert sizes in (sorted(sizes), sorted(sizes, reverse=True))
    assert sizes[-1] == sizes[-2]


@given(pools(), st.tuples(anything, anything), memories, st.integers(0, 25), st.integers(0, 99))
def test_more_load_never_wants_a_smaller_pool(pool, totals, memory, size, busy):
    for shared in (True, False):
        looks = [
            Seen(at=0, size=size, load=Load(total, shared), busy=busy) for total in sorted(totals)
        ]
        less, more = [decide(pool, look, memory)[0].wanted for look in looks]
        assert less <= more


@given(pools(), anything, memories, st.integers(1, 25), st.integers(0, 300))
def test_who_stays_can_bear_what_is_left(pool, total, memory, size, busy):
    load = Load(total)
    decision, _ = decide(pool, Seen(at=0, size=size, load=load, busy=busy), memory)
    if decision.wanted < size <= pool.maximum:
        assert load.each(decision.wanted) <= pool.scaling.upper * (1 + 1e-9)
        assert busy <= decision.wanted * SLOTS


@given(pools(), memories, st.integers(1, 300))
def test_work_is_never_left_without_a_process(pool, memory, busy):
    seen = Seen(at=1e6, size=0, load=Load(0), busy=busy)
    assert decide(pool, seen, memory)[0].wanted >= min(1, pool.maximum)
