"""A request of /v1/: its body is read whole and bounded before anything looks at it."""

import asyncio
import io
from typing import Any, Self

from django.core.handlers.asgi import ASGIRequest

from conversations.api.errors import RequestTimeout
from conversations.errors import ConversationError, InvalidValue, TooLarge
from conversations.quotas import Quota

BODY_TIMEOUT = 60  # seconds that a whole body may take, however it drips
DISCARDED = 16 * 2**20  # bytes above the limit that are read so that the client hears why


class Gone(Exception):
    """The client left before its request was whole."""


class ApiRequest(ASGIRequest):
    """Its body is here, unless there is a fault."""

    quota: Quota | None = None  # of the key, once it is known
    fault: ConversationError | None = None  # why it cannot be served, whatever it asks

    def __init__(self, scope: Any, body: bytes = b"") -> None:
        super().__init__(scope, io.BytesIO())
        self._body = body

    @classmethod
    async def received(cls, scope: Any, receive: Any, limit: int) -> Self:
        """Whatever its client sends. Raises `Gone`."""
        fault: ConversationError | None = None
        body = b""
        try:
            body = await read_body(receive, limit)
        except ConversationError as error:
            fault = error
        try:
            request = cls(scope, body)
        except ValueError:  # in no encoding that there is: its headers and its query are left off
            request = cls({**scope, "headers": [], "query_string": b""})
            fault = InvalidValue("The address or a header is in no encoding that can be read.")
        request.fault = fault
        return request

    @property
    def origin(self) -> str:
        return self.headers.get("Origin", "")


async def read_body(receive: Any, limit: int) -> bytes:
    """The body. Raises `Gone`, `TooLarge`, `RequestTimeout`."""
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            while more and size <= limit + DISCARDED:
                piece, more = await _piece(receive)
                size += len(piece)
                if size <= limit:
                    pieces.append(piece)
    except TimeoutError:
        if size <= limit:
            raise RequestTimeout from None
    if size > limit:
        raise TooLarge(f"A body has at most {limit} bytes.")
    return b"".join(pieces)


async def _piece(receive: Any) -> tuple[bytes, bool]:
    """The next of the body, and whether there is more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    return message.get("body", b""), message.get("more_body", False)
