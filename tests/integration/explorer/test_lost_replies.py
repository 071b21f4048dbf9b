"""A commit that happened, and whose reply was lost: nothing is done twice, nothing is left."""

import threading

from conversations import recovery, turns
from conversations.models import Message, Turn


def losing(deed):
    """The deed, done by an actor that never hears of its first commit."""

    def done():
        threading.current_thread().lose_reply = True
        return deed()

    return done


def running(world) -> turns.Claim:
    world.accept("first")
    return world.claimed()


def test_an_end_knows_itself_again_beside_the_next_claim(explore):
    def scene(world):
        claim = running(world)
        world.accept("second")
        return {"end": losing(lambda: world.end(claim)), "claim": lambda: world.claim("two")}

    def ended(world, run):
        assert run.outcomes["end"].state == "completed"

    explore(scene, ended)


def test_an_end_whose_commit_was_lost_beside_a_requeue(explore):
    def scene(world):
        claim = running(world)
        return {"end": losing(lambda: world.end(claim)), "requeue": lambda: world.requeue(claim)}

    def one_of_both(world, run):
        assert (run.outcomes["end"] is None) == (run.outcomes["requeue"] == "queued")

    explore(scene, one_of_both)


def test_a_claim_knows_itself_again_beside_another(explore):
    def scene(world):
        world.accept("first")
        return {"one": losing(world.claim), "two": lambda: world.claim("two")}

    def one(world, run):
        assert sum(outcome is not None for outcome in run.outcomes.values()) == 1

    explore(scene, one)


def test_a_checkpoint_is_stored_once_beside_a_cancelled_neighbour(explore):
    def scene(world):
        claim = running(world)
        queued = world.accept("second").turn
        return {
            "append": losing(lambda: world.append(claim)),
            "cancel": lambda: turns.cancel(queued.id),
        }

    def once(world, run):
        assert Message.objects.filter(step=1).count() == 1

    explore(scene, once)


def test_a_turn_that_waits_knows_itself_again_beside_its_answer(explore):
    def scene(world):
        claim = running(world)
        return {"wait": losing(lambda: world.wait(claim)), "resume": lambda: world.resume(claim)}

    def waited(world, run):
        assert run.outcomes["wait"] is True

    explore(scene, waited)


def test_a_worker_hands_back_once_beside_a_sweep(explore):
    def scene(world):
        claim = running(world)
        world.bury()
        hand_back = lambda: turns.hand_back(claim.turn_id, claim.token)  # noqa: E731
        return {"hand_back": losing(hand_back), "sweep": recovery.requeue_orphans}

    def queued(world, run):
        assert Turn.objects.get().state == "queued"

    explore(scene, queued)
