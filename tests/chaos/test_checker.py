"""Every check has teeth: after a run without faults it finds nothing, and then what we break."""

import copy
import json
from contextlib import AsyncExitStack

import psycopg
import pytest

from tests.chaos.__main__ import QUIET_WITHIN, converse, unquiet
from tests.chaos.checker import Checker
from tests.chaos.leftovers import leftovers
from tests.chaos.people import TOOLS
from tests.chaos.seen import untrue
from tests.system.tab import Response, Tab

pytestmark = pytest.mark.slow

TURN = "(SELECT id FROM conversations_turn WHERE state = 'completed' ORDER BY id LIMIT 1)"
REPLY = f"turn_id = {TURN} AND kind = 'response'"
FIRST = "(SELECT id FROM conversations_turn WHERE number = 0 ORDER BY id LIMIT 1)"
EARLY = "created = '2000-01-01' WHERE number = 3"  # before those that it stood behind had ended
LAST = "(SELECT id FROM conversations_message ORDER BY number DESC LIMIT 1)"
OTHER = "jsonb_set(payload, '{parts,0,content}', '\"other\"')"
# What is done to the rows, and what is told of it.
BROKEN = {
    f"DELETE FROM conversations_message WHERE {REPLY}": "numbers have gaps",
    f"DELETE FROM conversations_message WHERE id = {LAST}": "numbers have gaps",
    f"UPDATE conversations_message SET payload = {OTHER} WHERE {REPLY}": "'other' is not",
    f"UPDATE conversations_message SET payload = {OTHER} WHERE turn_id = {TURN}": "times in the transcript",
    f"UPDATE conversations_message SET payload = '{{}}' WHERE {REPLY}": "was rewritten",
    f"UPDATE conversations_message SET retracted = true WHERE {REPLY}": "completed with",
    f"UPDATE conversations_message SET number = 999 WHERE id = {LAST}": "numbers have gaps",
    f"UPDATE conversations_turn SET state = 'failed' WHERE id = {TURN}": "completed -> failed",
    f"UPDATE conversations_turn SET finished = now() WHERE id = {TURN}": "completed, twice",
    f"UPDATE conversations_turn SET last_event = 9999 WHERE id = {TURN}": "last event",
    f"UPDATE conversations_turn SET last_event = NULL WHERE id = {TURN}": "no outcome",
    f"UPDATE conversations_turn SET attempt = 2 WHERE id = {TURN}": "2 attempts with 0 faults",
    f"UPDATE conversations_turn SET idempotency_key = NULL WHERE id = {TURN}": "accepted as",
    "UPDATE conversations_conversation SET open_turns = 1": "open turns are counted",
    "UPDATE conversations_conversation SET version = version + 2": "version",
    "UPDATE conversations_conversation SET version = version - 1": "version",
    "UPDATE conversations_conversation SET next_turn = next_turn + 1": "numbers have gaps",
    "DROP INDEX one_turn_at_a_time_is_running_or_waiting; UPDATE conversations_turn SET state = 'running'": "run at once",
    "UPDATE conversations_conversation SET next_message = next_message + 1": ", messages ",
    f"UPDATE conversations_turn SET state = 'failed', error = '{{\"code\": \"provider_error\"}}' WHERE id = {TURN}": "failed with provider_error",
    f"UPDATE conversations_turn SET state = 'cancelled' WHERE id = {TURN}": "cancelled, asked was",
    f"UPDATE conversations_turn SET state = 'rolled_back' WHERE id = {TURN}": "messages still show",
    f"UPDATE conversations_turn SET cancel_requested = 'steer' WHERE id = {TURN}": "flagged steer",
    f"UPDATE conversations_turn SET policy = 'rollback', {EARLY}": "was to rollback",
    f"UPDATE conversations_turn SET policy = 'interrupt', {EARLY}": "was to interrupt",
    f"UPDATE conversations_turn SET policy = 'reject', {EARLY}": "accepted beside",
    f"UPDATE conversations_turn SET state = 'queued', cancel_requested = 'cancel' WHERE id = {FIRST}; UPDATE conversations_turn SET state = 'running' WHERE id = {FIRST}; UPDATE conversations_turn SET state = 'completed' WHERE id = {FIRST}": "claimed to be stopped",
}


@pytest.fixture(scope="module")
def people(runner, arena):
    """Who has talked until everything was answered, while the site still runs."""
    stack = AsyncExitStack()
    runner.run(stack.enter_async_context(arena.site()))
    people, _, broken = runner.run(converse(arena, 0, seed=1))
    assert broken == []
    assert runner.run(unquiet(arena, people, QUIET_WITHIN)) == []
    yield people
    runner.run(stack.aclose())


def found(arena, people) -> list[str]:
    return Checker.of(arena, people, faults=0).violations()


def left(runner, arena, **more) -> str:
    return "\n".join(runner.run(leftovers(arena, **more)))


def answered(person) -> tuple[str, Response]:
    """One of their own messages, and what they saw of its reply."""
    own = [sent.response for sent in person.sent]
    told = ((response, person.tab.responses[response]) for response in own)
    return next((response, seen) for response, seen in told if seen.text and not seen.told)


def test_without_faults_it_finds_nothing(runner, arena, people):
    assert found(arena, people) == []
    assert left(runner, arena) == ""


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
    done, again = arena.calls.read_text(), json.dumps({"prompt": plain.text}) + "\n"
    arena.calls.write_text(done + 2 * again)
    assert " calls in " in "\n".join(found(arena, people))
    arena.calls.write_text(done)


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


def test_a_call_that_nobody_was_paid_for_is_found(arena, people):
    done = arena.calls.read_text()
    arena.calls.write_text("")
    assert "0 calls in 1 attempts" in "\n".join(found(arena, people))
    arena.calls.write_text(done)


@pytest.mark.parametrize("key", ["agentsite:left", "rq:job:left"])
def test_a_key_that_never_expires_is_found(runner, arena, people, key):
    with arena.redis_client() as client:
        client.set(key, "1")
        assert f"{key}' never expires" in left(runner, arena, looks=1)
        client.delete(key)


def test_locks_that_stay_are_found(runner, arena, people):
    with psycopg.connect(arena.postgresql.url) as connection:
        connection.execute("SELECT pg_advisory_lock(n) FROM generate_series(1, 2) AS n")
        assert "advisory locks" in left(runner, arena, looks=1)


def test_a_snapshot_that_differs_is_found(runner, arena, people):
    person = people[0]
    tab = Tab(person.conversation, person.tab.cookie, arena.ports[0])
    runner.run(tab.open())
    runner.run(tab.close())
    checker = Checker.of(arena, people, faults=0)
    turns = {turn.response: turn for turn in checker.turns}
    assert list(untrue(tab.snapshot, turns, checker.of_turn)) == []
    answer = next(item for item in tab.snapshot["items"] if item.get("role") == "assistant")
    answer["content"][0]["text"] = "other"
    assert "a snapshot told" in "\n".join(untrue(tab.snapshot, turns, checker.of_turn))


def test_a_turn_that_a_tab_never_heard_of_is_found(arena, people, monkeypatch):
    monkeypatch.setitem(people[0].tab.responses, people[0].sent[0].response, Response())
    assert "last event []" in "\n".join(found(arena, people))


def test_a_jump_of_numbers_is_found(arena, people, monkeypatch):
    response, seen = answered(people[0])
    seen = copy.copy(seen)
    seen.numbers = [*seen.numbers[:2], *seen.numbers[3:]]
    monkeypatch.setitem(people[0].tab.responses, response, seen)
    assert "numbers jump" in "\n".join(found(arena, people))


def test_a_replay_that_differs_is_found(runner, arena, people):
    assert runner.run(Checker.of(arena, people, faults=0).replayed()) == []
    _, seen = answered(people[0])
    delta = next(event for event in seen.events if "delta" in event)
    delta["delta"] = "other"
    assert runner.run(Checker.of(arena, people, faults=0).replayed())
