"""Single checks on made-up rows: what each permits, and what is next to it and is not."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.chaos import outcomes, outside, replaying, seen
from tests.chaos.__main__ import close
from tests.chaos.people import Sent
from tests.chaos.records import MessageRow, TurnRow
from tests.provider.script import chain
from tests.system.tab import Response

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE = UUID(int=1)
REPLY = "".join(f"{link} " for link in chain([{"role": "user", "content": "p0-0"}]))


def turn(number=0, state="completed", **more) -> TurnRow:
    text = f"p0-{number}"
    at = {"created": NOON, "started": NOON, "finished": NOON + timedelta(seconds=number + 1)}
    row = TurnRow(uuid4(), HERE, number, state, text, 1, 0, 9, [{"content": text}], "none")
    return replace(row, **at | more)


def message(of, step, kind, text, *, partial=False, retracted=False) -> MessageRow:
    part = {"part_kind": "user-prompt", "content": text}
    payload = {"parts": [part], "state": "interrupted" if partial else "complete"}
    return MessageRow(HERE, of.id, step, 1, step, kind, payload, retracted or partial)


def said(of, reply=REPLY, **more) -> dict:
    rows = [message(of, 0, "request", of.prompt), message(of, 1, "response", reply, **more)]
    return {of.id: rows}


# --- Outcomes -----------------------------------------------------------------------------

LOST = {"code": "worker_lost", "crashes": 5}


@pytest.mark.parametrize(
    ("row", "sent", "is_right"),
    [
        (turn(), {}, True),
        (turn(state="failed", **LOST), {}, True),
        (turn(state="failed", **LOST | {"crashes": 4}), {}, False),
        (turn(state="failed", **LOST | {"code": "server_error"}), {}, False),
        (turn(state="running"), {}, False),
        (turn(state="cancelled", cancel="cancel"), {}, False),
        (turn(state="cancelled", cancel="cancel"), {"cancelled": True}, True),
        (turn(state="cancelled"), {"cancelled": True}, False),
        (turn(state="cancelled", attempt=0), {"cancelled": True}, True),
        (turn(state="rolled_back", cancel="rollback"), {"cancelled": True}, False),
        (turn(cancel="cancel"), {"cancelled": True}, True),
        (turn(cancel="cancel"), {}, False),
    ],
)
def test_an_outcome_has_a_cause(row, sent, is_right):
    own = {row.key: Sent(row.key, row.prompt, "enqueue", **sent)}
    assert (list(outcomes.outcomes([row], own)) == []) == is_right


def test_a_call_times_out_only_while_its_worker_stands_still():
    row = turn(state="failed", code="provider_timeout")
    awake, second = NOON + timedelta(milliseconds=500), timedelta(seconds=1)
    assert list(outcomes.outcomes([row], {}, frozen=[(awake - second, awake)])) == []
    assert list(outcomes.outcomes([row], {}, frozen=[(awake - 3 * second, awake - 2 * second)]))
    assert list(outcomes.outcomes([row], {}, frozen=[(awake, awake + second)]))


@pytest.mark.parametrize("policy", ["interrupt", "rollback"])
def test_a_later_policy_is_a_cause(policy):
    state, flag = {"interrupt": ("cancelled", "cancel"), "rollback": ("rolled_back", "rollback")}[
        policy
    ]
    rows = [turn(state=state, cancel=flag), turn(1, policy=policy)]
    assert list(outcomes.outcomes(rows, {})) == []
    assert list(outcomes.outcomes([replace(one, policy="enqueue") for one in rows], {}))


@pytest.mark.parametrize(
    ("policy", "first", "is_right"),
    [
        ("rollback", {"state": "rolled_back"}, True),
        ("rollback", {"state": "cancelled"}, False),
        ("rollback", {"finished": NOON - timedelta(seconds=1)}, True),
        ("interrupt", {"state": "cancelled"}, True),
        ("interrupt", {}, False),
        ("interrupt", {"cancel": "cancel", "started": NOON - timedelta(seconds=1)}, True),
        ("interrupt", {"cancel": "cancel", "started": NOON + timedelta(seconds=1)}, False),
        ("reject", {}, False),
        ("reject", {"finished": NOON - timedelta(seconds=1)}, True),
        ("enqueue", {}, True),
    ],
)
def test_a_policy_is_heeded(policy, first, is_right):
    rows = [turn(**first), turn(1, policy=policy)]
    assert (list(outcomes.policies(rows, {})) == []) == is_right


def test_who_expects_a_version_is_alone():
    rows = [turn(), turn(1)]
    assert list(outcomes.policies(rows, {"p0-1": Sent("p0-1", "p0-1", "enqueue")})) == []
    assert list(outcomes.policies(rows, {"p0-1": Sent("p0-1", "p0-1", "enqueue", version=3)}))


def test_what_was_rolled_back_shows_nothing():
    row = turn(state="rolled_back")
    assert list(outcomes.withdrawn([row], said(row)))
    hidden = {row.id: [replace(one, retracted=True) for one in said(row)[row.id]]}
    assert list(outcomes.withdrawn([row], hidden)) == []
    assert list(outcomes.withdrawn([replace(row, state="completed")], hidden))


# --- Texts and bills ----------------------------------------------------------------------


@pytest.mark.parametrize(("text", "is_right"), [(REPLY[:20], True), ("", True), ("other", False)])
def test_a_part_of_a_reply_is_its_beginning(text, is_right):
    row = turn(state="cancelled")
    found = list(outside.chains([row], said(row, text, partial=True)))
    assert (found == []) == is_right


def test_a_reply_that_was_rolled_back_is_checked_too():
    row = turn(state="rolled_back")
    assert list(outside.chains([row], said(row, retracted=True))) == []
    assert list(outside.chains([row], said(row, "other", retracted=True)))


@pytest.mark.parametrize(
    ("attempt", "state", "calls", "is_right"),
    [
        (1, "completed", 1, True),
        (1, "completed", 2, False),
        (1, "completed", 0, False),
        (2, "completed", 2, True),
        (2, "completed", 3, False),
        (1, "cancelled", 2, True),
        (1, "cancelled", 3, False),
    ],
)
def test_calls_are_paid_for_once(attempt, state, calls, is_right):
    row = turn(attempt=attempt, state=state)
    found = list(outside.paid([row], said(row), Counter({row.prompt: calls})))
    assert (found == []) == is_right


def test_a_fault_cuts_off_so_much_and_no_more():
    assert list(outside.attempts([turn(attempt=50)], faults=1))
    assert list(outside.attempts([turn(number, attempt=3) for number in range(9)], faults=1))
    assert list(outside.attempts([turn(attempt=2)], faults=1)) == []


# --- Events -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "lost_logs", "is_right"),
    [
        (7, 2 * 2**20, 1, True),
        (7, 2 * 2**20, 0, False),
        (2, 2 * 2**20, 0, True),
        (7, 3 * 2**20, 1, False),
        (7, 2**20, 1, False),
        (7, 2 * 2**20 + 1, 1, False),
        (7, 9, 1, False),
    ],
)
def test_numbers_jump_where_a_log_was_lost(before, after, lost_logs, is_right):
    permitted = seen.is_permitted(turn(attempt=2), before, after, lost_logs=lost_logs)
    assert permitted == is_right


def response(*events) -> Response:
    return Response(numbers=[event["sequence_number"] for event in events], events=list(events))


def delta(number, item="msg_0") -> dict:
    return {"type": "response.output_text.delta", "sequence_number": number, "item_id": item}


def done(number, item="msg_0") -> dict:
    return {
        "type": "response.output_item.done",
        "sequence_number": number,
        "item": {"id": item},
    }


AFTER = delta(2 * 2**20)


@pytest.mark.parametrize(
    ("saw", "again", "is_right"),
    [
        ([delta(3), AFTER], [delta(2), AFTER], True),
        ([delta(3), done(4), AFTER], [delta(2), AFTER], False),
        ([delta(3)], [delta(2)], False),
        ([delta(3), AFTER], [delta(3, "msg_1"), AFTER], False),
        ([{"type": "response.in_progress", "sequence_number": 3}], [delta(2), AFTER], False),
    ],
)
def test_only_what_was_never_whole_may_be_lost(saw, again, is_right):
    found = list(replaying.changed(response(*saw), response(*again)))
    assert (found == []) == is_right


def test_a_response_that_is_not_replayed_is_found():
    again = replace(response(delta(3)), final="response.completed")
    assert list(replaying.compared(["a"], {}, {"a": again})) == []
    assert list(replaying.compared(["a", "b"], {}, {"a": again}))
    assert list(replaying.compared(["a"], {}, {"a": response(delta(3))}))


@pytest.mark.parametrize(("violations", "status"), [([], 0), (["a message is lost"] * 3, 1)])
def test_a_run_ends_with_its_summary_and_says_by_its_status_whether_a_promise_broke(
    capsys, violations, status
):
    assert close(60, 7, violations) == status
    assert capsys.readouterr().out == f"seed 7: 60 faults, {len(violations)} violations\n"
