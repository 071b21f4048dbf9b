"""What was said elsewhere enters, and turns follow a turn, at the same moment."""

from conversations import turns
from tests.integration.explorer.test_accept import kinds

ADA = {"type": "message", "role": "user", "content": "I am Ada"}


def enter(world):
    return turns.enter(world.conversation.id, world.owner.id, [ADA])


def test_of_two_that_follow_one_turn_one_does(explore):
    def scene(world):
        return {name: lambda name=name: world.accept(name, number=0) for name in "ab"}

    def one(world, run):
        assert kinds(run) == ["Accepted", "NotTheLast"]

    explore(scene, one)


def test_of_two_that_follow_one_turn_slowly_one_does(explore):
    def scene(world):
        return {name: lambda name=name: world.accept_slowly(name, number=0) for name in "ab"}

    def one(world, run):
        assert kinds(run) == ["Accepted", "NotTheLast"]

    explore(scene, one)


def test_what_was_said_comes_before_a_message_or_not_at_all(explore):
    def scene(world):
        return {"enter": lambda: enter(world), "accept": world.accept}

    def in_order(world, run):
        entered = run.outcomes["enter"]
        number = run.outcomes["accept"].turn.number
        assert number == (1 if isinstance(entered, list) else 0)

    explore(scene, in_order)


def test_two_who_tell_what_was_said_both_do(explore):
    def scene(world):
        return {name: lambda: enter(world) for name in "ab"}

    def both(world, run):
        assert sorted(turn.number for entered in run.outcomes.values() for turn in entered) == [
            0,
            1,
        ]

    explore(scene, both)


def test_what_was_said_and_a_claim_do_not_meet(explore):
    def scene(world):
        world.accept()
        return {"enter": lambda: enter(world), "claim": world.claim}

    def refused(world, run):
        assert type(run.outcomes["enter"]).__name__ == "ResponseInProgress"

    explore(scene, refused)
