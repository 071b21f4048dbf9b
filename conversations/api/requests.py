"""A request of /v1/: its body is read whole and bounded before anything looks at it."""

import io
from typing import Any, Self

from django.core.handlers.asgi import ASGIRequest

from conversations.quotas import Quota

DISCARDED = 16 * 2**20  # bytes above the limit that are read so that the client hears why


class Gone(Exception):
    """The client left before its request was whole."""


class ApiRequest(ASGIRequest):
    """Its body is here; without one it was too large."""

    quota: Quota | None = None  # of the key, once it is known
    is_unreadable = False  # its query or a header: they are left off

    def __init__(self, scope: Any, body: bytes | None) -> None:
        super().__init__(scope, io.BytesIO())
        self.is_too_large = body is None
        self._body = body or b""

    @classmethod
    def of(cls, scope: Any, body: bytes | None) -> Self:
        """Whatever its client sent."""
        try:
            return cls(scope, body)
        except ValueError:  # in no encoding that there is
            request = cls({**scope, "headers": [], "query_string": b""}, body)
            request.is_unreadable = True
            return request

    @property
    def origin(self) -> str:
        return self.headers.get("Origin", "")


async def read_body(receive: Any, limit: int) -> bytes | None:
    """The body; None if it is larger. Raises `Gone`."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        if not message.get("more_body") or size > limit + DISCARDED:
            return b"".join(pieces) if size <= limit else None
