"""The promises hold under faults, and the checker would notice if they did not."""

import re

import pytest

from tests.chaos.__main__ import run

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


async def violations(arena, faults, *, bug="", **options) -> list[str]:
    async with arena.site(bug):
        return await run(arena, faults, **options)


def test_sixty_faults_break_no_promise(runner, arena):
    assert runner.run(violations(arena, 60, seed=20)) == []


@pytest.mark.parametrize("distribution", ["push", "hash"])
def test_no_distribution_breaks_a_promise(runner, arena, monkeypatch, distribution):
    monkeypatch.setenv("DISTRIBUTION", distribution)
    assert runner.run(violations(arena, 10, seed=3)) == []


@pytest.mark.parametrize("bug", BUGS)
def test_the_checker_catches(runner, arena, bug):
    faults, only, told = BUGS[bug]
    found = runner.run(violations(arena, faults, bug=bug, seed=7, only=only, patience=PATIENCE))
    assert re.search(told, "\n".join(found)), found
    assert found
