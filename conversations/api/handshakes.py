"""Who may open a websocket of the API: as HTTP asks, and refused as HTTP refuses."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from conversations.api import errors
from conversations.api.bearer import key_in
from conversations.errors import ConversationError


def secret(scope: Mapping[str, Any]) -> str:
    """The key of `Authorization: Bearer <key>`. Raises `InvalidKey`."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return key_in(found[0].decode("latin1") if len(found) == 1 else "")


async def refuse(error: ConversationError, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer a handshake by an error of HTTP."""
    response = errors.answer(error)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    status = response.status_code
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.content})
