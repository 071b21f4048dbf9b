"""Messages as a store takes them, and transcripts as a test compares them."""

import json

from conversations.stores.base import Fence, Key, NewMessage, Snapshot


def said(turn, text, *, step, attempt=1, retracted=False) -> NewMessage:
    """A reply; `step` and `attempt` make its key."""
    part = {"part_kind": "text", "content": text}
    return NewMessage(
        key=Key(turn.id, attempt, step),
        kind="response",
        payload=json.dumps({"kind": "response", "parts": [part]}),
        trace=[[3, 2, 0, 0]],
        retracted=retracted,
    )


def texts(snapshot: Snapshot) -> list[str]:
    """What was said, oldest first. A store may write JSON in its own way."""
    return [json.loads(message)["parts"][0]["content"] for message in snapshot.messages]


def fence(turn) -> Fence:
    return Fence(turn.id, turn.claim_token)
