"""The explorer catches what is wrong: each test leaves one thought out of a step."""

import pytest

from conversations import turns
from conversations.models import Turn
from conversations.stores import database, writes
from conversations.turns import acceptance, cancellation, claims, outcomes, waiting
from tests.integration.explorer import wrong
from tests.integration.explorer.search import Violation
from tests.integration.explorer.test_lost_replies import losing


def running(world) -> turns.Claim:
    world.accept("first")
    return world.claimed()


def two_messages(**options):
    def scene(world):
        return {name: lambda name=name: world.accept_slowly(name, **options) for name in "ab"}

    return scene


@pytest.mark.parametrize("statement", ["ACCEPT_BY_COUNT", "ACCEPT_BY_A_LOCKING_CTE"])
def test_numbers_from_an_old_view_are_caught(explore, monkeypatch, statement):
    monkeypatch.setattr(acceptance, "ACCEPT", getattr(wrong, statement))
    with pytest.raises(Violation, match="a_turn_number_is_used_once"):
        explore(two_messages())


def test_not_exists_is_caught(explore, monkeypatch):
    monkeypatch.setattr(acceptance, "ACCEPT", wrong.ACCEPT_IF_NONE_EXISTS)

    def one(world, run):
        refused = [isinstance(outcome, Exception) for outcome in run.outcomes.values()]
        assert sorted(refused) == [False, True], "both were let in"

    with pytest.raises(Violation, match="both were let in"):
        explore(two_messages(policy="reject"), one)


def test_an_accept_without_a_hint_is_caught(explore, monkeypatch):
    monkeypatch.setattr(acceptance, "hint", wrong.no_hint)
    with pytest.raises(Violation, match="no hint is on its way"):
        explore(lambda world: {"accept": world.accept, "claim": world.claim})


def test_a_claim_without_a_lock_is_caught(explore, monkeypatch):
    monkeypatch.setattr(claims, "LOCK", wrong.CLAIM_WITHOUT_A_LOCK)

    def scene(world):
        world.accept("first")
        second = world.accept("second").turn
        return {"claim": world.claim, "cancel": lambda: turns.cancel(second.id)}

    with pytest.raises(Violation, match="no hint is on its way"):
        explore(scene)


def test_a_claim_by_a_buried_worker_is_caught(explore, monkeypatch):
    monkeypatch.setattr(claims, "LOCK", wrong.CLAIM_WITHOUT_PRESENCE)

    def scene(world):
        world.accept()
        return {"claim": world.claim, "bury": world.bury_and_sweep}

    def nothing_is_left(world, run):
        assert not world.runs(), "a buried worker claimed"

    with pytest.raises(Violation, match="a buried worker claimed"):
        explore(scene, nothing_is_left)


def zombie_and_heir(verb):
    def scene(world):
        zombie = running(world)
        world.requeue(zombie)
        return {"zombie": lambda: verb(world, zombie), "claim": lambda: world.claim("two")}

    return scene


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("END_WITHOUT_A_FENCE", "an old claim wrote a message"),
        ("END_OF_ANYTHING", "queued to completed"),
    ],
)
def test_an_end_by_a_zombie_is_caught(explore, monkeypatch, statement, told):
    monkeypatch.setattr(outcomes, "CLOSE", getattr(wrong, statement))
    with pytest.raises(Violation, match=told):
        explore(zombie_and_heir(lambda world, zombie: world.end(zombie)))


def test_a_message_by_a_zombie_is_caught(explore, monkeypatch):
    monkeypatch.setattr(database, "check", wrong.no_check)
    with pytest.raises(Violation, match=r"an old claim wrote|a turn that was queued"):
        explore(zombie_and_heir(lambda world, zombie: world.append(zombie)))


def test_a_zombie_that_counts_twice_is_caught(explore, monkeypatch):
    monkeypatch.setattr(outcomes, "COUNT_DOWN", wrong.END_OF_A_ZOMBIE_COUNTS)

    def scene(world):
        claim = running(world)
        return {name: lambda: world.end(claim) for name in "ab"}

    with pytest.raises(Violation, match="check constraint"):
        explore(scene)


def test_an_end_without_a_hint_is_caught(explore, monkeypatch):
    monkeypatch.setattr(outcomes, "NEXT", wrong.END_WITHOUT_A_HINT)

    def scene(world):
        claim = running(world)
        return {"end": lambda: world.end(claim), "accept": world.accept}

    with pytest.raises(Violation, match="no hint is on its way"):
        explore(scene)


def test_a_rollback_that_an_end_overlooks_is_caught(explore, monkeypatch):
    monkeypatch.setattr(outcomes, "CLOSE", wrong.END_WITHOUT_THE_FLAG)

    def scene(world):
        claim = running(world)
        rollback = lambda: turns.cancel(claim.turn_id, rollback=True)  # noqa: E731
        return {"end": lambda: world.end(claim), "rollback": rollback}

    with pytest.raises(Violation, match="asked to be rolled back"):
        explore(scene)


def test_a_cancel_without_a_lock_is_caught(explore, monkeypatch):
    monkeypatch.setattr(cancellation, "lock", wrong.no_lock)

    def scene(world):
        turn = world.accept().turn
        return {"claim": world.claim, "cancel": lambda: turns.cancel(turn.id)}

    def heard(world, run):
        assert world.is_stopped(), "nobody heard of the cancel"

    with pytest.raises(Violation, match="nobody heard of the cancel"):
        explore(scene, heard)


def test_a_cancel_in_the_wrong_order_of_locks_is_caught(explore):
    def scene(world):
        claim = running(world)
        cancel = lambda: wrong.cancel_by_the_turn_first(claim.turn_id)  # noqa: E731
        return {"cancel": cancel, "end": lambda: world.end(claim)}

    with pytest.raises(Violation, match="deadlock detected"):
        explore(scene)


def test_a_requeue_of_another_claim_is_caught(explore):
    def scene(world):
        claim = running(world)
        requeue = lambda: wrong.requeue_whatever_runs(claim.turn_id)  # noqa: E731
        return {"a": requeue, "b": lambda: (world.requeue(claim), world.claim("two"))}

    def stays(world, run):
        claimed = run.outcomes["b"][1]
        assert claimed is None or world.runs(), "a living claim was taken away"

    with pytest.raises(Violation, match="a living claim was taken away"):
        explore(scene, stays)


def test_an_append_to_any_version_is_caught(explore, monkeypatch):
    monkeypatch.setattr(writes, "APPEND", wrong.APPEND_TO_ANY_VERSION)

    def scene(world):
        claim = running(world)
        return {name: lambda step=step: world.write(claim, step) for step, name in enumerate("ab")}

    def one(world, run):
        assert any(isinstance(each, Exception) for each in run.outcomes.values()), "both wrote"

    with pytest.raises(Violation, match="both wrote"):
        explore(scene, one)


def test_a_lost_reply_that_is_believed_is_caught(explore, monkeypatch):
    monkeypatch.setattr(outcomes, "settled", wrong.tried_once)

    def scene(world):
        claim = running(world)
        return {"end": losing(lambda: world.end(claim)), "accept": world.accept}

    with pytest.raises(Violation, match="end failed"):
        explore(scene)


def test_two_answers_without_a_lock_are_caught(explore, monkeypatch):
    monkeypatch.setattr(waiting, "lock", wrong.no_lock)

    def scene(world):
        claim = world.waiting(0, 1)
        return {str(item): lambda item=item: world.resume(claim, item) for item in (0, 1)}

    with pytest.raises(Violation, match="waiting, asks: False"):
        explore(scene)


def test_a_wait_that_overlooks_a_cancel_is_caught(explore, monkeypatch):
    monkeypatch.setattr(waiting, "_wait", wrong.wait_whatever_is_asked)

    def scene(world):
        claim = running(world)
        return {
            "wait": lambda: world.wait(claim),
            "cancel": lambda: turns.cancel(claim.turn_id),
        }

    def heard(world, run):
        assert Turn.objects.get().state != "waiting", "it waits though it is to stop"

    with pytest.raises(Violation, match="it waits though it is to stop"):
        explore(scene, heard)
