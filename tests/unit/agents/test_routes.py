from hypothesis import given
from hypothesis import strategies as st

from workers.agents.choices import Choice, Rule, choose

CHOICES = {
    "large": Choice(model="l", cost=10, longest=100_000),
    "small": Choice(model="s", cost=1, longest=1_000),
    "local": Choice(model="m", cost=0, longest=500),
}


def test_the_first_rule_that_fits_is_followed():
    rules = [Rule(queues=["batch"], wait=1), Rule(shorter=100, wait=2), Rule(longer=1_000, wait=3)]
    assert choose(rules, length=50, queue="batch").wait == 1
    assert choose(rules, length=50, queue="interactive").wait == 2
    assert choose(rules, length=1_000, queue="interactive").wait == 3


def test_without_a_rule_that_fits_all_models_are_tried_in_their_order():
    rule = choose([Rule(queues=["batch"], models=["small"])], length=1, queue="default")
    assert rule.order(CHOICES, length=1) == ["large", "small", "local"]


def test_the_cheapest_with_room_goes_first():
    assert Rule(cheapest=True).order(CHOICES, length=600) == ["small", "large"]


def test_where_none_has_room_the_roomiest_is_asked():
    assert Rule(models=["local", "small"]).order(CHOICES, length=5_000) == ["small"]


@given(
    names=st.lists(st.sampled_from(sorted(CHOICES)), unique=True),
    cheapest=st.booleans(),
    length=st.integers(0, 200_000),
)
def test_there_is_always_somebody_to_ask_and_nobody_is_asked_twice(names, cheapest, length):
    order = Rule(models=names, cheapest=cheapest).order(CHOICES, length=length)
    assert order
    assert len(set(order)) == len(order)
    assert set(order) <= set(names or CHOICES)
