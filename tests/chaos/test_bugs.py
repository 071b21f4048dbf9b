"""The checker would notice if the promises did not hold."""

import re

import pytest

pytestmark = pytest.mark.slow

# Each bug: how many of which faults show it, and what is told. Without faults all of them work.
BUGS = {
    "acknowledge_before_commit": (4, ["kill_a_replica_after_it_accepted"], "accepted as"),
    "no_fence": (8, ["bury_a_worker_as_it_ends"], "twice|completed with|last event|are counted"),
    "no_idempotency_key": (4, ["kill_a_replica_as_it_accepts"], "accepted as"),
    "reply_outside_of_the_transaction": (
        3,
        ["kill_a_worker_after_it_committed_the_end"],
        "completed with",
    ),
    "no_catch_up": (10, ["deafen_a_replica"], "delta is missing|seen"),
}
PATIENCE = 15  # seconds until what is lost is believed to be lost


@pytest.mark.parametrize("bug", BUGS)
def test_the_checker_catches(violations, bug):
    faults, only, told = BUGS[bug]
    found = violations(faults, bug=bug, seed=7, only=only, patience=PATIENCE)
    assert re.search(told, "\n".join(found)), found
    assert found
