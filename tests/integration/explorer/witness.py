"""A witness inside PostgreSQL: triggers that write down every change, and what must hold of them.

It sees what the code cannot gloss over: each committed change of a conversation, a turn and a
message, in the order of the locks.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from conversations.models import Turn

INSTALL = """
CREATE TABLE IF NOT EXISTS explorer_witness (
    id bigserial PRIMARY KEY, transaction xid8 DEFAULT pg_current_xact_id(),
    subject text, conversation uuid, was jsonb, became jsonb, turn jsonb
);
CREATE OR REPLACE FUNCTION explorer_observe() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    became jsonb := to_jsonb(NEW);
BEGIN
    INSERT INTO explorer_witness (subject, conversation, was, became, turn) VALUES (
        TG_ARGV[0], (became ->> TG_ARGV[1])::uuid, was, became,
        (SELECT to_jsonb(t) FROM conversations_turn t WHERE t.id::text = became ->> 'turn_id')
    );
    RETURN NULL;
END $$;
"""
SUBJECTS = {"conversation": "id", "turn": "conversation_id", "message": "conversation_id"}
OBSERVE = """
CREATE OR REPLACE TRIGGER explorer_observe AFTER INSERT OR UPDATE ON conversations_{subject}
FOR EACH ROW EXECUTE FUNCTION explorer_observe('{subject}', '{key}')
"""
REMOVE = "DROP FUNCTION explorer_observe CASCADE; DROP TABLE explorer_witness"

COUNTERS = ("version", "next_turn", "next_message", "open_turns")
LEGAL = {
    "queued": {"queued", "running", "cancelled", "rolled_back", "failed"},
    "running": {"running", "queued", "waiting", *Turn.ENDED},
    "waiting": {"waiting", "queued", "failed", "cancelled", "rolled_back"},
}


@dataclass(frozen=True)
class Change:
    """One row as it was (None: new) and became; for a message also its turn at that moment."""

    transaction: int
    subject: str
    was: dict[str, Any] | None
    became: dict[str, Any]
    turn: dict[str, Any] | None


def install() -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSTALL)
        for subject, key in SUBJECTS.items():
            cursor.execute(OBSERVE.format(subject=subject, key=key))


def remove() -> None:
    with connection.cursor() as cursor:
        cursor.execute(REMOVE)


def changes(conversation: UUID) -> list[Change]:
    """What was committed of a conversation, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT transaction::text::bigint, subject, was::text, became::text, turn::text"
            " FROM explorer_witness WHERE conversation = %s ORDER BY id",
            [conversation],
        )
        return [Change(*row[:2], *map(parsed, row[2:])) for row in cursor.fetchall()]


def check(conversation: UUID) -> None:
    """Every change on its own was allowed."""
    seen = changes(conversation)
    of = {subject: [c for c in seen if c.subject == subject] for subject in SUBJECTS}
    versions_step_by_one(of["conversation"])
    transcripts_change_with_the_version(of["conversation"], of["message"])
    states_follow_each_other(of["turn"])
    only_the_claim_writes(of["message"], of["turn"])


def parsed(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)


def versions_step_by_one(conversations: list[Change]) -> None:
    for change in conversations:
        if change.was is None:
            continue
        steps = {name: change.became[name] - change.was[name] for name in COUNTERS}
        assert steps["version"] in {0, 1}, f"the version made a step of {steps['version']}"
        assert steps["next_turn"] in {0, 1}, "a turn number was left out or used again"
        assert steps["next_message"] == 0 or steps["version"] == 1, "numbers without a version"
        assert steps["open_turns"] in {-1, 0, 1}, "open turns were counted otherwise than by one"


def transcripts_change_with_the_version(
    conversations: list[Change], messages: list[Change]
) -> None:
    moved = {
        c.transaction for c in conversations if c.was and c.was["version"] < c.became["version"]
    }
    written = {change.transaction for change in messages}
    assert moved == written, "a transcript changed without its version, or the other way round"


def states_follow_each_other(turns: list[Change]) -> None:
    for change in turns:
        was, became = change.was, change.became
        if was is None:
            entered = became["state"] == "completed" and became["finished"] is not None
            assert became["attempt"] == 0, "a turn begins without a claim"
            assert became["state"] == "queued" or entered, "a turn begins queued, or is entered"
            continue
        assert was["state"] in LEGAL, f"a turn was changed after it had {was['state']}"
        assert became["state"] in LEGAL[was["state"]], f"{was['state']} to {became['state']}"
        claimed = (was["state"], became["state"]) == ("queued", "running")
        assert became["attempt"] - was["attempt"] == claimed, "an attempt is a claim"
        assert (became["claim_token"] != was["claim_token"]) == claimed, "a token is of one claim"


def only_the_claim_writes(messages: list[Change], turns: list[Change]) -> None:
    """What an attempt says is written while it runs, or in the transaction that ends it."""
    ends = {
        (change.became["id"], change.transaction)
        for change in turns
        if change.was and change.became["state"] in Turn.ENDED
    }
    for change in messages:
        message, turn = change.became, change.turn
        if change.was is not None or message["attempt"] == 0:
            continue
        assert turn is not None
        assert message["attempt"] == turn["attempt"], "an old claim wrote a message"
        mine = turn["state"] == "running" or (turn["id"], change.transaction) in ends
        assert mine, f"a message was written to a turn that was {turn['state']}"
