"""Workers that want the same turn, and those that were declared dead."""

import pytest

from conversations import errors, turns
from conversations.models import Turn


def test_one_of_two_workers_gets_the_turn(explore):
    def scene(world):
        world.accept()
        return {"one": lambda: world.claim("one"), "two": lambda: world.claim("two")}

    def one(world, run):
        assert sum(outcome is not None for outcome in run.outcomes.values()) == 1

    explore(scene, one)


def test_two_queued_turns_are_not_claimed_side_by_side(explore):
    def scene(world):
        world.accept("first")
        world.accept("second")
        return {"one": lambda: world.claim("one"), "two": lambda: world.claim("two")}

    def the_first(world, run):
        claims = [claim for claim in run.outcomes.values() if claim]
        assert [claim.number for claim in claims] == [0]

    explore(scene, the_first)


def test_a_buried_worker_claims_nothing(explore):
    def scene(world):
        world.accept()
        return {"claim": world.claim, "bury": world.bury}

    def in_time_or_not_at_all(world, run):
        claimed, buried = (
            run.done.index(step)
            for step in [
                next(step for step in reversed(run.done) if step[0] == "claim"),
                next(step for step in run.done if step[1].startswith("DELETE")),
            ]
        )
        outcome = run.outcomes["claim"]
        assert isinstance(outcome, errors.Buried) == (buried < claimed)

    explore(scene, in_time_or_not_at_all)


def test_what_a_worker_claims_before_its_burial_is_found_by_the_sweep_after_it(explore):
    def scene(world):
        world.accept()
        return {"claim": world.claim, "sweep": world.bury_and_requeue}

    def nothing_is_left(world, run):
        assert not Turn.objects.filter(state="running")

    explore(scene, nothing_is_left)


def test_a_cancel_beside_a_claim(explore):
    def scene(world):
        turn = world.accept().turn
        return {"claim": world.claim, "cancel": lambda: turns.cancel(turn.id)}

    def one_or_the_other(world, run):
        turn = Turn.objects.get()
        claimed = run.outcomes["claim"] is not None
        assert run.outcomes["cancel"] == ("running" if claimed else "cancelled") == turn.state
        assert turn.cancel_requested == ("cancel" if claimed else "none")

    explore(scene, one_or_the_other)


def test_a_cancel_of_the_first_of_two_beside_a_claim(explore):
    def scene(world):
        turn = world.accept("first").turn
        world.accept("second")
        return {"claim": world.claim, "cancel": lambda: turns.cancel(turn.id)}

    def one_is_claimed(world, run):
        assert run.outcomes["claim"] is not None

    explore(scene, one_is_claimed)


@pytest.mark.parametrize("policy", ["interrupt", "rollback"])
def test_an_interrupt_beside_a_claim(explore, policy):
    def scene(world):
        world.accept("first")
        return {"claim": world.claim, "accept": lambda: world.accept(policy=policy)}

    def the_first_is_stopped(world, run):
        first = Turn.objects.get(number=0)
        assert first.state in Turn.ENDED or first.cancel_requested != "none"

    explore(scene, the_first_is_stopped)
