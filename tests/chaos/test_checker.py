"""Every check has teeth: after a run without faults it finds nothing, and then what we break."""

import copy
import json
from contextlib import AsyncExitStack

import psycopg
import pytest

from tests.chaos.__main__ import QUIET_WITHIN, converse, unquiet
from tests.chaos.checker import Checker
from tests.chaos.people import TOOLS

pytestmark = pytest.mark.slow

TURN = "(SELECT id FROM conversations_turn WHERE state = 'completed' ORDER BY id LIMIT 1)"
REPLY = f"turn_id = {TURN} AND kind = 'response'"
LAST = "(SELECT id FROM conversations_message ORDER BY number DESC LIMIT 1)"
# What is done to the rows, and what is told of it.
BROKEN = {
    f"DELETE FROM conversations_message WHERE {REPLY}": "numbers have gaps",
    f"DELETE FROM conversations_message WHERE id = {LAST}": "numbers have gaps",
    f"UPDATE conversations_message SET text = 'other' WHERE {REPLY}": "'other' is not",
    f"UPDATE conversations_message SET text = 'o' WHERE turn_id = {TURN}": "times in the transcript",
    f"UPDATE conversations_message SET payload = '[]' WHERE {REPLY}": "was rewritten",
    f"UPDATE conversations_message SET retracted = true WHERE {REPLY}": "completed with",
    f"UPDATE conversations_message SET number = 999 WHERE id = {LAST}": "numbers have gaps",
    f"UPDATE conversations_turn SET state = 'failed' WHERE id = {TURN}": "completed -> failed",
    f"UPDATE conversations_turn SET finished = now() WHERE id = {TURN}": "completed, twice",
    f"UPDATE conversations_turn SET last_event = 9999 WHERE id = {TURN}": "last event",
    f"UPDATE conversations_turn SET last_event = NULL WHERE id = {TURN}": "no outcome",
    f"UPDATE conversations_turn SET attempt = 2 WHERE id = {TURN}": "attempts without a fault",
    f"UPDATE conversations_turn SET idempotency_key = NULL WHERE id = {TURN}": "accepted as",
    "UPDATE conversations_conversation SET open_turns = 1": "open turns are counted",
    "UPDATE conversations_conversation SET version = version + 2": "version",
    "UPDATE conversations_conversation SET version = version - 1": "version",
    "UPDATE conversations_conversation SET next_turn = next_turn + 1": "numbers have gaps",
    "DROP INDEX one_turn_at_a_time_is_running_or_waiting; UPDATE conversations_turn SET state = 'running'": "run at once",
    "SELECT pg_advisory_lock(n) FROM generate_series(1, 9) AS n": "advisory locks",
}


@pytest.fixture(scope="module")
def people(runner, arena):
    """Who has talked until everything was answered, while the site still runs."""
    stack = AsyncExitStack()
    runner.run(stack.enter_async_context(arena.site()))
    people, _ = runner.run(converse(arena, 0, seed=1))
    assert runner.run(unquiet(arena, people, QUIET_WITHIN)) == []
    yield people
    runner.run(stack.aclose())


def found(arena, people) -> list[str]:
    return Checker.of(arena, people, faults=0).violations()


def test_without_faults_it_finds_nothing(arena, people):
    assert found(arena, people) == []


@pytest.mark.parametrize("statement", BROKEN)
def test_broken_rows_are_found(arena, people, monkeypatch, statement):
    with psycopg.connect(arena.postgresql.url) as connection:
        connection.execute(statement)
        read = lambda query, *values: connection.execute(query, values or None).fetchall()  # noqa: E731
        monkeypatch.setattr(arena, "rows", read)
        assert BROKEN[statement] in "\n".join(found(arena, people))
        connection.rollback()


def test_a_lost_turn_is_found(arena, people):
    checker = Checker.of(arena, people, faults=0)
    checker.turns = checker.turns[1:]
    assert checker.lost()


def test_a_call_too_many_is_found(arena, people):
    plain = next(one for one in people[0].sent if not one.text.startswith(TOOLS))
    with arena.calls.open("a") as log:
        log.write(2 * (json.dumps({"prompt": plain.text}) + "\n"))
    assert "calls in 1 attempts" in "\n".join(found(arena, people))


@pytest.mark.parametrize("tool", ["pay", "look"])
def test_an_effect_too_many_is_found(arena, people, tool):
    done = arena.effects.read_text()
    again = next(line for line in done.splitlines() if f'"{tool}"' in line)
    arena.effects.write_text(f"{done}{again}\n")
    assert "2 effects" in "\n".join(found(arena, people))
    arena.effects.write_text(done)


def test_an_effect_under_another_key_is_found(arena, people):
    done = arena.effects.read_text()
    again = json.loads(done.splitlines()[0])
    again["key"] += "x"
    arena.effects.write_text(f"{done}{json.dumps(again)}\n")
    assert "has 2 keys" in "\n".join(found(arena, people))
    arena.effects.write_text(done)


def test_another_order_is_found(arena, people, monkeypatch):
    monkeypatch.setattr(people[0], "sent", people[0].sent[::-1])
    assert "order is" in "\n".join(found(arena, people))


def test_a_key_that_never_expires_is_found(arena, people):
    arena.redis_client().set("agentsite:left", "1")
    assert "never expires" in "\n".join(found(arena, people))


def test_a_jump_of_numbers_is_found(arena, people, monkeypatch):
    response, seen = next(iter(people[0].tab.responses.items()))
    seen = copy.copy(seen)
    seen.numbers = [*seen.numbers[:2], *seen.numbers[3:]]
    monkeypatch.setitem(people[0].tab.responses, response, seen)
    assert "numbers jump" in "\n".join(found(arena, people))


def test_a_replay_that_differs_is_found(runner, arena, people):
    assert runner.run(Checker.of(arena, people, faults=0).replayed()) == []
    seen = next(seen for seen in people[0].tab.responses.values() if seen.text)
    delta = next(event for event in seen.events if "delta" in event)
    delta["delta"] = "other"
    assert runner.run(Checker.of(arena, people, faults=0).replayed())
