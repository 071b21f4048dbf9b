"""Two sweepers, zombies, and workers that hand back."""

import pytest

from conversations import recovery, turns
from conversations.errors import Fenced
from conversations.models import Message, Turn


def running(world) -> turns.Claim:
    world.accept("first")
    return world.claimed()


def test_two_sweepers_requeue_once(explore):
    def scene(world):
        running(world)
        world.bury()
        return {"a": recovery.requeue_orphans, "b": recovery.requeue_orphans}

    def once(world, run):
        assert sorted(run.outcomes.values()) == [[], ["queued"]]
        assert Turn.objects.get().crashes == 1

    explore(scene, once)


def test_two_requeues_count_one_crash(explore):
    def scene(world):
        claim = running(world)
        return {name: lambda: world.requeue(claim) for name in "ab"}

    def once(world, run):
        assert sorted(map(str, run.outcomes.values())) == ["None", "queued"]
        assert Turn.objects.get().crashes == 1

    explore(scene, once)


def test_two_sweepers_give_a_forgotten_hint_once(explore):
    def scene(world):
        world.accept()
        world.forget_hints()
        return {name: lambda: recovery.hint_again(10) for name in "ab"}

    def once(world, run):
        assert sum(run.outcomes.values()) == 1

    explore(scene, once, reduces=False)  # a look at Redis is part of it, which has no footprint


def test_a_zombie_ends_nothing_beside_the_next_claim(explore):
    def scene(world):
        zombie = running(world)
        world.requeue(zombie)
        return {"zombie": lambda: world.end(zombie), "claim": lambda: world.claim("two")}

    def refused(world, run):
        assert run.outcomes["zombie"] is None
        assert run.outcomes["claim"].attempt == 2

    explore(scene, refused)


def test_a_zombie_writes_nothing_beside_the_next_claim(explore):
    def scene(world):
        zombie = running(world)
        world.requeue(zombie)

        def next_worker():
            claim = world.claimed("two")
            return world.append(claim)

        return {"zombie": lambda: world.append(zombie), "next": next_worker}

    def refused(world, run):
        assert isinstance(run.outcomes["zombie"], Fenced)
        assert Message.objects.filter(step=1).values_list("attempt").get() == (2,)

    explore(scene, refused)


def test_a_zombie_beside_the_sweep_and_the_next_claim(explore):
    def scene(world):
        zombie = running(world)
        world.bury()

        def next_worker():
            recovery.requeue_orphans()
            return world.claim("two")

        return {"zombie": lambda: world.end(zombie), "next": next_worker}

    def one_outcome(world, run):
        assert run.outcomes["zombie"] is None or run.outcomes["next"] is None

    explore(scene, one_outcome)


GIVEN_BACK = {
    "handed back": lambda claim: turns.hand_back(claim.turn_id, claim.token),
    "given up": lambda claim: turns.give_up(claim.conversation_id, claim.token),
}


@pytest.mark.parametrize("give_back", GIVEN_BACK.values(), ids=GIVEN_BACK)
def test_a_claim_is_given_back_once_beside_a_sweep_that_takes_it_away(explore, give_back):
    def scene(world):
        claim = running(world)
        return {
            "give_back": lambda: give_back(claim),
            "requeue": lambda: world.requeue(claim),
        }

    def queued_once(world, run):
        assert list(run.outcomes.values()).count("queued") == 1

    explore(scene, queued_once)


def test_a_cancel_is_not_lost_by_a_requeue(explore):
    def scene(world):
        claim = running(world)
        return {
            "requeue": lambda: world.requeue(claim),
            "cancel": lambda: turns.cancel(claim.turn_id),
        }

    def next_claim_ends_it(world, run):
        assert Turn.objects.get().cancel_requested == "cancel"
        if Turn.objects.get().state == "queued":
            assert world.claimed("two").ending.state == "cancelled"

    explore(scene, next_claim_ends_it)


def test_a_sweep_beside_the_end_of_a_turn_whose_worker_was_buried(explore):
    def scene(world):
        claim = running(world)
        world.accept("second")
        world.bury()
        return {"end": lambda: world.end(claim), "sweep": recovery.requeue_orphans}

    explore(scene)
