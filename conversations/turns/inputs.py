"""A turn's input as it enters the transcript, without pydantic-ai: replicas stay light."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from conversations.models import Message, Turn
from conversations.stores.base import Key, NewMessage
from conversations.turns.outputs import returned


def entering(turn: Turn, *, retracted: bool = False) -> NewMessage:
    """A pydantic-ai ModelRequest, under the key of every input.

    It holds what a client's functions returned, then what the person says.
    """
    text = text_of(turn.input)
    parts = returned(turn)
    if text or not parts:
        said = {"part_kind": "user-prompt", "content": text}
        parts.append({**said, "timestamp": turn.created.isoformat()})
    return NewMessage(
        key=Key(turn.id, 0, 0),
        kind=Message.Kind.REQUEST,
        payload=json.dumps({"kind": "request", "parts": parts}),
        retracted=retracted,
    )


def text_of(items: Iterable[dict[str, Any]]) -> str:
    """What the messages among these items say; what functions returned is not said."""
    said = (item["content"] for item in items if "content" in item)
    return "\n\n".join(text for content in said for text in _texts(content))


def _texts(content: str | list[dict[str, Any]]) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    else:
        yield from (part["text"] for part in content if "text" in part)
