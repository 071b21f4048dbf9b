"""Server-sent events: a turn's events as one HTTP response.

Never `id:` lines: in one stream with comments they crash the official SDK. Text is ASCII JSON,
because some clients end a line at every character that Unicode calls a line's end.
"""

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import structlog
from django.http.response import HttpResponseBase

from conversations.errors import ConversationError
from conversations.models import Turn
from conversations.showing import listening

KEEPALIVE = 15  # seconds of silence until a comment: proxies close what is silent for longer
DONE = b"data: [DONE]\n\n"

log = structlog.get_logger(__name__)


class EventStream(HttpResponseBase):
    """A response whose body comes in chunks; what its client does not fetch is not made."""

    streaming = True

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self["X-Accel-Buffering"] = "no"  # nginx passes each on as it comes
        self.chunks = chunks


def stream(turn: Turn, *, after: int = -1) -> EventStream:
    """The turn's events after a number, until its end."""
    return told(partial(listening.events, turn, after=after))


def told(begin: Callable[[], AsyncGenerator[list[dict[str, Any]]]]) -> EventStream:
    """The events that come once it is begun."""
    return EventStream(_chunks(begin))


async def _chunks(
    begin: Callable[[], AsyncGenerator[list[dict[str, Any]]]],
) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(begin()) as events:
            async for chunk in _spoken(events):
                yield chunk
    except ConversationError as error:  # deleted meanwhile
        yield _event({"type": "error", **_described(error)})
        return
    yield DONE


async def _spoken(events: AsyncGenerator[list[dict[str, Any]]]) -> AsyncGenerator[bytes]:
    spoke = time.monotonic()
    async for told in events:
        if told:
            yield b"".join(map(_event, told))
        elif time.monotonic() - spoke < KEEPALIVE:
            continue
        else:
            yield b": keepalive\n\n"
        spoke = time.monotonic()


def _event(event: dict[str, Any]) -> bytes:
    data = json.dumps(event, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def _described(error: ConversationError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "param": error.param}
