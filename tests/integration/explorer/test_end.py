"""The end of a running turn beside everything that may happen to it."""

import pytest

from conversations import turns
from conversations.models import Message, Turn


def running(world) -> turns.Claim:
    world.accept("first")
    return world.claimed()


@pytest.mark.parametrize("policy", ["enqueue", "interrupt", "rollback"])
def test_a_message_beside_the_end_of_the_one_before(explore, policy):
    def scene(world):
        claim = running(world)
        return {
            "end": lambda: world.end(claim),
            "accept": lambda: world.accept(policy=policy),
        }

    def one_outcome(world, run):
        flag_came_first = run.outcomes["accept"].position == 1
        rolled_back = policy == "rollback" and flag_came_first
        assert run.outcomes["end"].state == ("rolled_back" if rolled_back else "completed")

    explore(scene, one_outcome)


@pytest.mark.parametrize("demand", [{"expected_version": 1}, {"policy": "reject"}])
def test_who_demands_to_be_alone_beside_an_end(explore, demand):
    def scene(world):
        claim = running(world)
        return {"end": lambda: world.end(claim), "accept": lambda: world.accept(**demand)}

    def never_beside_it(world, run):
        assert Turn.objects.filter(state__in=Turn.OPEN).count() <= 1

    explore(scene, never_beside_it)


@pytest.mark.parametrize("rollback", [False, True])
def test_a_cancel_beside_a_completed_reply(explore, rollback):
    def scene(world):
        claim = running(world)
        cancel = lambda: turns.cancel(claim.turn_id, rollback=rollback)  # noqa: E731
        return {"end": lambda: world.end(claim), "cancel": cancel}

    def true_state(world, run):
        state = run.outcomes["end"].state
        assert state == Turn.objects.get().state
        if run.outcomes["cancel"] == "running":  # the flag came first
            assert state == ("rolled_back" if rollback else "completed")
        else:
            assert run.outcomes["cancel"] == state == "completed"

    explore(scene, true_state)


def test_two_cancels_are_as_good_as_one(explore):
    def scene(world):
        turn = world.accept().turn
        return {name: lambda: turns.cancel(turn.id) for name in "ab"}

    def same(world, run):
        assert set(run.outcomes.values()) == {"cancelled"}
        assert Message.objects.get().retracted

    explore(scene, same)


def test_a_rollback_is_not_weakened_by_a_cancel(explore):
    def scene(world):
        claim = running(world)
        return {
            "cancel": lambda: turns.cancel(claim.turn_id),
            "rollback": lambda: turns.cancel(claim.turn_id, rollback=True),
        }

    def stays(world, run):
        assert Turn.objects.get().cancel_requested == "rollback"

    explore(scene, stays)


def test_an_end_beside_a_requeue_happens_once(explore):
    def scene(world):
        claim = running(world)
        return {"end": lambda: world.end(claim), "requeue": lambda: world.requeue(claim)}

    def one_of_both(world, run):
        assert (run.outcomes["end"] is None) == (run.outcomes["requeue"] == "queued")

    explore(scene, one_of_both)


def test_a_checkpoint_beside_a_requeue_is_stored_before_it_or_refused(explore):
    def scene(world):
        claim = running(world)
        return {"append": lambda: world.append(claim), "requeue": lambda: world.requeue(claim)}

    explore(scene)


def test_a_checkpoint_beside_a_cancelled_neighbour_is_stored_in_the_end(explore):
    def scene(world):
        claim = running(world)
        queued = world.accept("second").turn
        return {"append": lambda: world.append(claim), "cancel": lambda: turns.cancel(queued.id)}

    def stored(world, run):
        assert run.outcomes["append"].version in {2, 3}
        assert Message.objects.filter(step=1, retracted=False).count() == 1

    explore(scene, stored)


def test_a_tool_is_not_started_after_a_requeue(explore):
    def scene(world):
        claim = running(world)
        key = (claim.turn_id, claim.token, 1, "call")
        return {
            "tool": lambda: turns.start_tool(*key, tool="roll", arguments={}),
            "requeue": lambda: world.requeue(claim),
        }

    def before_or_refused(world, run):
        first = next(who for who, does in run.done if does.startswith(("INSERT", "COMMIT")))
        assert isinstance(run.outcomes["tool"], Exception) == (first == "requeue")

    explore(scene, before_or_refused)
