"""What a conversation is called that nobody gave a name: by what a person said first in it. Pure."""

from collections.abc import Iterable
from typing import Any

from conversations.turns.inputs import text_of

FIRST_WORDS = 60  # characters


def title_of(items: Iterable[dict[str, Any]]) -> str:
    """The start of a person's first message among these items, empty without one."""
    return shortened(text_of([item for item in items if item.get("role") == "user"][:1]))


def shortened(message: str) -> str:
    """The start of a message in one line, cut between words unless most of it would go."""
    whole = message.encode(errors="replace").decode()  # half a surrogate pair is no text
    line = " ".join(whole.split())
    if len(line) <= FIRST_WORDS:
        return line
    start = line[:FIRST_WORDS]
    words = start.rsplit(" ", 1)[0]
    return (words if len(words) > FIRST_WORDS / 2 else start) + "…"
