"""What the rows say: turns and messages as they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Span = tuple[datetime, datetime]
TURNS = """
SELECT id, conversation_id, number, state, idempotency_key, attempt, crashes, last_event, input,
    cancel_requested, policy, error->>'code', created, started, finished
FROM conversations_turn ORDER BY conversation_id, number
"""
MESSAGES = """
SELECT conversation_id, turn_id, number, attempt, step, kind, payload, retracted
FROM conversations_message ORDER BY conversation_id, number
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
    policy: str = "enqueue"
    code: str | None = None  # of the error
    created: Any = None
    started: Any = None  # first claim
    finished: Any = None

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
    retracted: bool

    @property
    def text(self) -> str:
        """What a person reads or wrote of it."""
        parts = self.payload.get("parts", ())
        return "".join(
            part["content"] for part in parts if part["part_kind"] in ("text", "user-prompt")
        )

    @property
    def is_reply(self) -> bool:
        """A response that is whole; what a cut left of one is not."""
        return self.kind == "response" and not self.is_partial

    @property
    def is_partial(self) -> bool:
        return self.kind == "response" and self.payload.get("state") == "interrupted"
