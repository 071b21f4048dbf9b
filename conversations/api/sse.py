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

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.api.errors import described
from conversations.api.watches import watch
from conversations.errors import ConversationError
from conversations.models import Turn
from conversations.showing import listening

KEEPALIVE = 15  # seconds of silence until a comment: proxies close what is silent for longer
DONE = b"data: [DONE]\n\n"
Events = AsyncGenerator[list[dict[str, Any]]]


class EventStream(HttpResponseBase):
    """A response whose body comes in chunks; what its client does not fetch is not made."""

    streaming = True

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self["X-Accel-Buffering"] = "no"  # nginx passes each on as it comes
        self.chunks = chunks


def stream(request: HttpRequest, turn: Turn, *, after: int = -1) -> EventStream:
    """The turn's events after a number, until its end or that of the request's key."""
    begin = partial(listening.events, turn, after=after, guard=watch(request))
    return told(begin, after=after)


def told(begin: Callable[[], Events], *, after: int = -1) -> EventStream:
    """The events that come once it is begun, those after a number."""
    return EventStream(_chunks(begin, after))


async def _chunks(begin: Callable[[], Events], after: int) -> AsyncGenerator[bytes]:
    async with aclosing(_ended(begin, after)) as events:
        async for chunk in _spoken(events):
            yield chunk
    yield DONE


async def _ended(begin: Callable[[], Events], after: int) -> Events:
    """The events, and why there are no more where something stood against them."""
    last = after
    try:
        async with aclosing(begin()) as events:
            async for told in events:
                yield told
                last = max([last, *(event.get("sequence_number", last) for event in told)])
    except ConversationError as error:  # deleted meanwhile, say
        yield [failure(error, number=last + 1)]


async def _spoken(events: Events) -> AsyncGenerator[bytes]:
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


def failure(error: ConversationError, *, number: int) -> dict[str, Any]:
    """Bare as OpenAI's types have it, and as `error` as the specification does, and the SDK raises."""
    flat = {"code": error.code, "message": error.message, "param": error.param}
    return {"type": "error", "sequence_number": number, **flat, **described(error)}
