"""Three at a time, in every order."""

import pytest

from conversations import recovery, turns
from conversations.models import Turn

pytestmark = pytest.mark.slow


def test_a_message_an_end_and_a_claim(explore):
    def scene(world):
        world.accept("first")
        claim = world.claimed()
        return {
            "accept": world.accept,
            "end": lambda: world.end(claim),
            "claim": lambda: world.claim("two"),
        }

    explore(scene)


def test_a_claim_a_cancel_and_a_sweep(explore):
    def scene(world):
        turn = world.accept().turn
        return {
            "claim": world.claim,
            "cancel": lambda: turns.cancel(turn.id),
            "sweep": world.bury_and_requeue,
        }

    def flagged_or_ended(world, run):
        turn = Turn.objects.get()
        assert turn.state == "cancelled" or turn.cancel_requested == "cancel"

    explore(scene, flagged_or_ended)


def test_an_interrupt_an_end_and_a_claim(explore):
    def scene(world):
        world.accept("first")
        claim = world.claimed()
        return {
            "interrupt": lambda: world.accept("stop", policy="interrupt"),
            "end": lambda: world.end(claim),
            "claim": lambda: world.claim("two"),
        }

    explore(scene)


def test_two_claims_and_a_message(explore):
    def scene(world):
        world.accept("first")
        return {
            "one": lambda: world.claim("one"),
            "two": lambda: world.claim("two"),
            "accept": world.accept,
        }

    explore(scene)


def test_a_zombie_a_requeue_and_a_claim(explore):
    def scene(world):
        world.accept("first")
        zombie = world.claimed()
        return {
            "zombie": lambda: world.append(zombie),
            "requeue": lambda: world.requeue(zombie),
            "claim": lambda: world.claim("two"),
        }

    explore(scene)


def test_three_messages_with_one_key(explore):
    def scene(world):
        return {name: lambda: world.accept(idempotency_key="k") for name in "abc"}

    explore(scene)


def test_two_sweepers_and_a_zombie(explore):
    def scene(world):
        world.accept("first")
        zombie = world.claimed()
        world.bury()
        return {
            "zombie": lambda: world.end(zombie),
            **dict.fromkeys("ab", recovery.requeue_orphans),
        }

    explore(scene)
