"""The explorer itself: it goes everywhere, and shows the way."""

import re

import pytest
from django.db import connection

from conversations import turns
from conversations.models import Turn
from tests.integration.explorer.search import Violation
from tests.integration.explorer.stage import Strayed


def two_times_three_reads(world) -> dict:
    def read():
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM conversations_turn")

    return {"a": read, "b": read}


def test_every_order_of_two_times_three_steps_is_run(explore):
    assert explore(two_times_three_reads, reduces=False).schedules == 20  # 6! / (3! 3!)


def test_of_orders_that_are_the_same_one_is_run(explore):
    assert explore(two_times_three_reads).schedules == 1


def test_one_that_turns_out_the_same_is_left_there(explore):
    ended = []

    def scene(world):
        deeds = two_times_three_reads(world)
        return {name: lambda name=name: (deeds[name](), ended.append(name)) for name in deeds}

    explore(scene)
    assert ended.count("a") == 1  # wherever it is to go on after the other, it is left


@pytest.mark.parametrize("verb", ["cancel", "requeue", "accept"])
def test_what_the_reduction_leaves_out_changes_nothing(explore, verb):
    def scene(world):
        world.accept("first")
        claim = world.claimed()
        verbs = {
            "cancel": lambda: turns.cancel(claim.turn_id),
            "requeue": lambda: world.requeue(claim),
            "accept": lambda: world.accept(policy="interrupt"),
        }
        return {"end": lambda: world.end(claim), verb: verbs[verb]}

    def outcomes(*, reduces: bool) -> set:
        seen = set()
        explore(scene, lambda _, run: seen.add(told(run)), reduces=reduces)
        return seen

    assert outcomes(reduces=True) == outcomes(reduces=False)


def told(run) -> tuple:
    """What a schedule led to, without ids and times."""
    rows = Turn.objects.order_by("number").values_list("state", "cancel_requested", "crashes")
    return (*rows, *(type(outcome).__name__ for outcome in run.outcomes.values()))


def two_claims(world) -> dict:
    world.accept()
    return {"one": lambda: world.claim("one"), "two": lambda: world.claim("two")}


def test_a_violation_shows_a_schedule_that_can_be_replayed(explore):
    def the_first_wins(world, run):
        assert run.outcomes["two"] is None, "two won"

    with pytest.raises(Violation, match="two won") as violation:
        explore(two_claims, the_first_wins)
    schedule = re.search("replay: (.*)", str(violation.value))[1]
    with pytest.raises(Violation, match="in schedule 1"):
        explore(two_claims, the_first_wins, replay=schedule)


def test_what_does_not_come_again_is_no_violation(explore):
    stalls = ["the machine stood still"]
    explored = explore(two_claims, lambda *_: assert_no(stalls))
    assert explored.stalls == 1


def assert_no(stalls: list) -> None:
    assert not stalls, stalls.pop()


def test_who_is_left_midway_holds_nothing(explore):
    with pytest.raises(Strayed, match="nobody cannot go on"):
        explore(two_claims, replay="one one nobody")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '60s'")
        cursor.execute("TRUNCATE conversations_turn CASCADE")
        cursor.execute("RESET lock_timeout")
