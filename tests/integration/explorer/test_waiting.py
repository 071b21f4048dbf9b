"""A turn that waits for a person, beside everything that may happen to it."""

import pytest

from conversations import recovery, turns
from conversations.errors import AlreadyAnswered, Fenced
from conversations.models import Message, ToolCall, Turn


def running(world) -> turns.Claim:
    world.accept("first")
    return world.claimed()


@pytest.mark.parametrize("policy", ["enqueue", "interrupt", "rollback"])
def test_a_message_beside_a_turn_that_begins_to_wait(explore, policy):
    def scene(world):
        claim = running(world)
        return {"wait": lambda: world.wait(claim), "accept": lambda: world.accept(policy=policy)}

    def stopped_or_waits(world, run):
        first = Turn.objects.order_by("number").first()
        if policy == "enqueue":
            assert first.state == "waiting"
        elif run.outcomes["wait"]:
            assert first.state in Turn.ENDED
        else:
            assert (first.state, first.cancel_requested != "none") == ("running", True)

    explore(scene, stopped_or_waits)


def test_a_message_that_must_be_alone_beside_a_turn_that_begins_to_wait(explore):
    def scene(world):
        claim = running(world)
        return {"wait": lambda: world.wait(claim), "accept": lambda: world.accept(policy="reject")}

    def refused(world, run):
        assert Turn.objects.get().state == "waiting"

    explore(scene, refused)


@pytest.mark.parametrize("rollback", [False, True])
def test_a_cancel_beside_a_turn_that_begins_to_wait(explore, rollback):
    def scene(world):
        claim = running(world)
        cancel = lambda: turns.cancel(claim.turn_id, rollback=rollback)  # noqa: E731
        return {"wait": lambda: world.wait(claim), "cancel": cancel}

    def heard(world, run):
        assert world.is_stopped()
        assert run.outcomes["wait"] == (Turn.objects.get().state in Turn.ENDED)

    explore(scene, heard)


def test_a_turn_that_begins_to_wait_beside_a_requeue(explore):
    def scene(world):
        claim = running(world)
        return {"wait": lambda: world.wait(claim), "requeue": lambda: world.requeue(claim)}

    def one_of_both(world, run):
        waits = run.outcomes["requeue"] is None
        assert waits == (run.outcomes["wait"] is True)
        assert waits != isinstance(run.outcomes["wait"], Fenced)

    explore(scene, one_of_both)


def test_a_zombie_does_not_wait_beside_the_next_claim(explore):
    def scene(world):
        zombie = running(world)
        world.requeue(zombie)
        return {"zombie": lambda: world.wait(zombie), "claim": lambda: world.claim("two")}

    def refused(world, run):
        assert isinstance(run.outcomes["zombie"], Fenced)

    explore(scene, refused)


def test_two_answers_to_two_calls_resume_the_turn_once(explore):
    def scene(world):
        claim = world.waiting(0, 1)
        return {str(item): lambda item=item: world.resume(claim, item) for item in (0, 1)}

    def by_the_last(world, run):
        assert {resumed.state for resumed in run.outcomes.values()} == {"waiting", "queued"}
        assert Turn.objects.get().state == "queued"

    explore(scene, by_the_last)


def test_the_same_answer_twice_is_one(explore):
    def scene(world):
        claim = world.waiting()
        return {name: lambda: world.resume(claim) for name in "ab"}

    def same(world, run):
        assert {resumed.state for resumed in run.outcomes.values()} == {"queued"}

    explore(scene, same)


def test_of_two_different_answers_one_counts(explore):
    def scene(world):
        claim = world.waiting()
        return {
            "yes": lambda: world.resume(claim),
            "no": lambda: world.resume(claim, approved=False),
        }

    def first_wins(world, run):
        refused = [who for who, got in run.outcomes.items() if isinstance(got, AlreadyAnswered)]
        approved = ToolCall.objects.get().state == "approved"
        assert refused == (["no"] if approved else ["yes"])

    explore(scene, first_wins)


@pytest.mark.parametrize("rollback", [False, True])
def test_an_answer_beside_a_cancel(explore, rollback):
    def scene(world):
        claim = world.waiting()
        cancel = lambda: turns.cancel(claim.turn_id, rollback=rollback)  # noqa: E731
        return {"resume": lambda: world.resume(claim), "cancel": cancel}

    def stopped(world, run):
        assert world.is_stopped()
        came_late = isinstance(run.outcomes["resume"], AlreadyAnswered)
        assert came_late == (Turn.objects.get().state in Turn.ENDED)

    explore(scene, stopped)


def test_an_answer_beside_the_end_of_its_time(explore):
    def scene(world):
        claim = world.waiting()
        world.accept("second")
        world.let_time_pass()
        return {"resume": lambda: world.resume(claim), "expire": turns.expire}

    def one_of_both(world, run):
        first = Turn.objects.order_by("number").first()
        expired = isinstance(run.outcomes["resume"], AlreadyAnswered)
        assert expired == (run.outcomes["expire"] == 1)
        assert first.state == ("failed" if expired else "queued")

    explore(scene, one_of_both)


def test_who_was_answered_and_asks_again_has_time_anew(explore):
    def scene(world):
        claim = world.waiting()
        world.let_time_pass()

        def ask_again():
            world.resume(claim)
            return world.wait(world.claimed("two"), 1)

        return {"sweep": turns.expire, "again": ask_again}

    def one_of_both(world, run):
        asks = run.outcomes["again"] is True
        assert (Turn.objects.get().state, run.outcomes["sweep"]) == (
            ("waiting", 0) if asks else ("failed", 1)
        )

    explore(scene, one_of_both)


def test_two_sweeps_let_a_turn_expire_once(explore):
    def scene(world):
        world.waiting()
        world.let_time_pass()
        return {"a": turns.expire, "b": turns.expire}

    def once(world, run):
        assert sum(run.outcomes.values()) == 1
        closings = Message.objects.filter(kind="request", step=2)
        assert closings.get().payload["parts"][0]["tool_call_id"] == "call_0"

    explore(scene, once)


def test_a_sweep_leaves_a_turn_that_waits_alone_though_its_worker_is_dead(explore):
    def scene(world):
        claim = world.waiting()
        world.accept("second")
        world.forget_hints()
        world.bury()
        return {"sweep": recovery.requeue_orphans, "resume": lambda: world.resume(claim)}

    def waits_or_is_queued(world, run):
        assert run.outcomes["sweep"] == []
        assert list(Turn.objects.order_by("number").values_list("crashes", flat=True)) == [0, 0]

    explore(scene, waits_or_is_queued)


def test_nobody_claims_past_a_turn_that_waits(explore):
    def scene(world):
        claim = world.waiting()
        world.accept("second")
        return {"claim": lambda: world.claim("two"), "resume": lambda: world.resume(claim)}

    def only_the_first(world, run):
        claimed = run.outcomes["claim"]
        assert claimed is None or (claimed.number, claimed.attempt) == (0, 2)

    explore(scene, only_the_first)


def test_what_was_approved_begins_once(explore):
    def scene(world):
        claim = world.waiting()
        world.resume(claim)
        again = world.claimed("two")
        key = (again.turn_id, again.token, 1, "call_0")
        start = lambda: turns.start_tool(*key, tool="pay", arguments={})  # noqa: E731
        return {"a": start, "b": start}

    def once(world, run):
        assert sorted(call.fresh for call in run.outcomes.values()) == [False, True]

    explore(scene, once)
