"""The table of docs/guarantees.md, in small: what the usual design loses where ours does not."""

import pytest

from tests.chaos import contrast, usual
from tests.waiting import GENEROUS

pytestmark = pytest.mark.slow

SAID = contrast.PEOPLE * contrast.TABS * contrast.AT_LEAST


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Nobody sends again only because the machine is slow."""
    monkeypatch.setattr(contrast, "HEARD_WITHIN", GENEROUS)


@pytest.mark.parametrize("locks", [True, False])
def test_without_a_fault_only_the_lock_keeps_what_was_answered(runner, arena, monkeypatch, locks):
    """Two tabs of a person read the same document, and the later write wins."""
    monkeypatch.setattr(usual, "LOCK", GENEROUS)
    counts = runner.run(contrast.run(arena, locks=locks, seed=1, faults=0))
    assert counts["messages answered"] == counts["paid calls"] == SAID
    assert bool(counts["answered and lost"]) != locks
    assert counts["stand twice or more"] == counts["replies to another history"] == 0


def test_faults_leave_nobody_without_an_answer(runner, arena):
    counts = runner.run(contrast.run(arena, locks=True, seed=1, faults=4))
    assert counts["paid calls"] >= counts["messages answered"] >= SAID
