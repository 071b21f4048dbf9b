"""What the rows say: turns and messages as they are, and a trail of moves that rows forget."""

from dataclasses import dataclass
from typing import Any

TURNS = """
SELECT id, conversation_id, number, state, idempotency_key, attempt, crashes, last_event, input,
    cancel_requested
FROM conversations_turn ORDER BY conversation_id, number
"""
MESSAGES = """
SELECT conversation_id, turn_id, number, attempt, step, kind, payload, text, retracted
FROM conversations_message ORDER BY conversation_id, number
"""
# Rows of this table are moves that no promise allows.
AUDIT = """
CREATE TABLE audit (what text);
CREATE FUNCTION audit_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('version %s -> %s', OLD.version, NEW.version)); RETURN NEW;
END $$;
CREATE TRIGGER audit_version AFTER UPDATE ON conversations_conversation FOR EACH ROW
    WHEN (NEW.version NOT IN (OLD.version, OLD.version + 1)) EXECUTE FUNCTION audit_version();
CREATE FUNCTION audit_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('turn %s: %s -> %s, twice', OLD.id, OLD.state, NEW.state));
    RETURN NEW;
END $$;
CREATE TRIGGER audit_state AFTER UPDATE ON conversations_turn FOR EACH ROW WHEN (
    OLD.finished IS NOT NULL AND (OLD.state, OLD.finished, OLD.last_event)
        IS DISTINCT FROM (NEW.state, NEW.finished, NEW.last_event)
    OR (OLD.state, NEW.state) = ('queued', 'completed')
) EXECUTE FUNCTION audit_state();
CREATE FUNCTION audit_running() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit SELECT format('turns %s and %s run at once', id, NEW.id)
    FROM conversations_turn WHERE conversation_id = NEW.conversation_id AND id <> NEW.id
        AND state IN ('running', 'waiting');
    RETURN NEW;
END $$;
CREATE TRIGGER audit_running AFTER UPDATE ON conversations_turn FOR EACH ROW
    WHEN (NEW.state IN ('running', 'waiting')) EXECUTE FUNCTION audit_running();
CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit VALUES (format('message %s was rewritten', OLD.id)); RETURN NEW;
END $$;
CREATE TRIGGER audit_message AFTER UPDATE ON conversations_message FOR EACH ROW
    WHEN (NEW.payload <> OLD.payload OR NEW.number <> OLD.number) EXECUTE FUNCTION audit_message();
"""


@dataclass
class TurnRow:
    id: Any
    conversation: Any
    number: int
    state: str
    key: str | None
    attempt: int
    crashes: int
    last_event: int | None
    input: list[dict[str, Any]]
    cancel: str

    @property
    def response(self) -> str:
        return f"resp_{self.id.hex}"

    @property
    def prompt(self) -> str:
        content = self.input[0]["content"]
        return content if isinstance(content, str) else content[0]["text"]


@dataclass
class MessageRow:
    conversation: Any
    turn: Any
    number: int
    attempt: int
    step: int
    kind: str
    payload: dict[str, Any]
    text: str
    retracted: bool
