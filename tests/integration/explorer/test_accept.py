"""Messages that arrive at the same moment."""

import pytest

from conversations import errors, turns
from conversations.models import Conversation, Turn
from tests.integration.explorer.world import World

WAYS = {"at_once": World.accept, "slowly": World.accept_slowly}


@pytest.fixture(params=WAYS)
def accept(request):
    """One statement commits itself, so only a slow one can be met half-way."""
    return WAYS[request.param]


def kinds(run) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in run.outcomes.values())


def test_two_messages_are_both_queued(explore, accept):
    def scene(world):
        return {"a": lambda: accept(world, "a"), "b": lambda: accept(world, "b")}

    def both(world, run):
        assert sorted(each.position for each in run.outcomes.values()) == [0, 1]

    explore(scene, both)


def test_one_key_is_one_turn(explore, accept):
    def scene(world):
        return {name: lambda: accept(world, idempotency_key="k") for name in "ab"}

    def once(world, run):
        assert sorted(each.repeated for each in run.outcomes.values()) == [False, True]

    explore(scene, once)


def test_one_key_for_two_messages_is_a_conflict(explore, accept):
    def scene(world):
        return {name: lambda name=name: accept(world, name, idempotency_key="k") for name in "ab"}

    def one(world, run):
        assert kinds(run) == ["Accepted", "IdempotencyConflict"]

    explore(scene, one)


def test_one_key_in_two_conversations_is_a_conflict(explore, accept):
    def scene(world):
        other = Conversation.objects.create(owner=world.owner, agent="demo")
        items = [{"type": "message", "role": "user", "content": "Hello"}]
        key = {"idempotency_key": "k"}
        return {
            "here": lambda: accept(world, **key),
            "there": lambda: turns.accept(other.id, world.owner.id, items, **key),
        }

    def one(world, run):
        assert kinds(run) == ["Accepted", "IdempotencyConflict"]

    explore(scene, one)


@pytest.mark.parametrize("demand", [{"expected_version": 0}, {"policy": "reject"}])
def test_who_demands_to_be_alone_is_alone(explore, accept, demand):
    def scene(world):
        return {name: lambda name=name: accept(world, name, **demand) for name in "ab"}

    def one(world, run):
        assert kinds(run) == ["Accepted", "ResponseInProgress"]

    explore(scene, one)


def test_a_repeated_demand_is_answered_by_its_first_answer(explore, accept):
    def scene(world):
        demand = {"expected_version": 0, "idempotency_key": "k"}
        return {name: lambda: accept(world, **demand) for name in "ab"}

    def same(world, run):
        assert kinds(run) == ["Accepted", "Accepted"]

    explore(scene, same)


def test_a_message_for_a_version_that_a_claim_has_left_is_refused(explore):
    def scene(world):
        world.accept()
        return {"accept": lambda: world.accept(expected_version=0), "claim": world.claim}

    def refused(world, run):
        assert isinstance(
            run.outcomes["accept"], errors.VersionConflict | errors.ResponseInProgress
        )

    explore(scene, refused)


def test_a_message_beside_a_claim_of_the_one_before(explore):
    def scene(world):
        world.accept("first")
        return {"accept": world.accept, "claim": world.claim}

    def first_is_claimed(world, run):
        assert run.outcomes["claim"].number == 0

    explore(scene, first_is_claimed)


def test_a_message_beside_a_claim_that_finds_nothing(explore):
    explore(lambda world: {"accept": world.accept, "claim": world.claim})


@pytest.mark.parametrize("policy", ["interrupt", "rollback"])
def test_of_two_who_stop_the_others_the_later_stops_the_earlier(explore, policy):
    def scene(world):
        return {name: lambda name=name: world.accept(name, policy=policy) for name in "ab"}

    def one_is_left(world, run):
        states = Turn.objects.order_by("number").values_list("state", flat=True)
        assert list(states) == [
            {"interrupt": "cancelled", "rollback": "rolled_back"}[policy],
            "queued",
        ]

    explore(scene, one_is_left)
