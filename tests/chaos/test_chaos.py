"""The promises hold under faults, and the checker would notice if they did not."""

import asyncio

import pytest

from tests.chaos.__main__ import main

pytestmark = pytest.mark.slow

# Each bug with the faults that show it; without faults all of them work.
BUGS = {
    "acknowledge_before_commit": ["kill_a_replica"],
    "no_fence": ["freeze_a_worker"],
    "no_idempotency_key": ["kill_a_replica_as_it_accepts"],
    "reply_outside_of_the_transaction": ["kill_a_worker_after_it_committed_the_end"],
    "no_catch_up": ["restart_redis", "harm_redis"],
}


def test_sixty_faults_break_no_promise():
    assert asyncio.run(main(60, seed=20)) == 0


@pytest.mark.parametrize("bug", BUGS)
def test_the_checker_catches(bug, monkeypatch):
    monkeypatch.setenv("CHAOS_BUG", bug)
    found = asyncio.run(main(12, seed=7, faulty="tests.chaos.buggy", only=BUGS[bug]))
    assert found > 0
