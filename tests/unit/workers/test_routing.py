import pytest

from workers.routing import LONG, Work, queue_for


def work(**changes) -> Work:
    return Work(**{"agent": "demo", "owner_id": 7} | changes)


def to_batch(work: Work) -> str:
    """A project's own rule."""
    return "batch"


@pytest.mark.parametrize(
    ("changes", "queue"),
    [
        ({"source": "page"}, "interactive"),
        ({"source": "page", "length": LONG}, "default"),
        ({"source": "page", "tier": "batch"}, "batch"),
        ({}, "default"),
        ({"tier": "priority"}, "interactive"),
        ({"tier": "default"}, "default"),
        ({"tier": "flex"}, "batch"),
        ({"tier": "unheard of"}, "default"),
    ],
)
def test_tier_source_and_length_decide(changes, queue):
    assert queue_for(work(**changes)) == queue


def test_an_agents_own_queue_comes_before_all_else(settings):
    settings.AGENTS = {"demo": {"queue": "batch"}}
    assert queue_for(work(tier="priority")) == "batch"


def test_an_owners_tier_comes_before_the_one_asked_for(settings):
    settings.OWNER_TIERS = {"7": "flex"}
    assert queue_for(work(tier="priority")) == "batch"
    assert queue_for(work(tier="priority", owner_id=8)) == "interactive"


def test_a_project_may_decide_by_a_function_of_its_own(settings):
    settings.ROUTING = f"{__name__}.to_batch"
    assert queue_for(work()) == "batch"


def nowhere(work: Work) -> str:
    return "nowhere"


def at_fault(work: Work) -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize("rule", ["nowhere", "at_fault", "not_there"])
def test_work_for_a_queue_that_nobody_serves_joins_the_default_one(settings, rule):
    settings.ROUTING = f"{__name__}.{rule}"
    assert queue_for(work()) == "default"
