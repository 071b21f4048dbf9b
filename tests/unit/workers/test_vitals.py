import os
from time import monotonic

import pytest

from tests.unit.workers.test_probe import home, said
from workers.health import status, vitals
from workers.health.vitals import EVERY, FAILURES, Vitals

__all__ = ["home"]


@pytest.fixture
def asked():
    """Asks of this process as its supervisor would, so many times: whether to start it again."""
    known, now = Vitals(), 0.0

    def ask(times: int = FAILURES) -> bool:
        nonlocal now
        answers = []
        for _ in range(times):
            now += EVERY
            answers.append(known.are_gone(vitals.worker, os.getpid(), now))
        return answers[-1]

    return ask


def test_a_worker_whose_loop_stands_still_is_started_again_at_the_third_look(asked):
    said(pid=os.getpid())
    assert not asked(1)
    said(pid=os.getpid(), turned=monotonic() - 30)
    assert not asked(FAILURES - 1)
    assert asked(1)


def test_a_worker_that_can_say_nothing_any_more_is_left_at_work(asked):
    said(pid=os.getpid())
    assert not asked(1)
    status.forget("worker-1")
    assert not asked(10)


def test_a_worker_that_still_starts_is_left_in_peace(asked):
    said(pid=os.getpid(), turned=monotonic() - 30)
    assert not asked(10)
