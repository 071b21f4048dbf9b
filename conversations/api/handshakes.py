"""Who may open a websocket of the API: as HTTP asks, and refused as HTTP refuses."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from conversations.api import dress, errors
from conversations.api.bearer import key_in
from conversations.errors import ConversationError
from conversations.quotas import Quota

SECURE = "wss"  # some proxies, too, tell the scheme of a websocket by this name


def check_scheme(scope: Mapping[str, Any]) -> None:
    """Raises `HttpsRequired` where the site has https and the handshake came without it."""
    if settings.SECURE_SSL_REDIRECT and not _is_secure(scope):
        raise errors.HttpsRequired


def _is_secure(scope: Mapping[str, Any]) -> bool:
    """As `HttpRequest.is_secure`: what the proxy in front says counts before the scheme here."""
    if settings.SECURE_PROXY_SSL_HEADER:
        header, secure = settings.SECURE_PROXY_SSL_HEADER
        name = header.removeprefix("HTTP_").replace("_", "-").lower().encode()
        told = [value.decode("latin1") for found, value in scope["headers"] if found == name]
        if told:
            return told[0].partition(",")[0].strip() in (secure, SECURE)
    return bool(scope.get("scheme") == SECURE)


def secret(scope: Mapping[str, Any]) -> str:
    """The key of `Authorization: Bearer <key>`. Raises `InvalidKey`."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return key_in(found[0].decode("latin1") if len(found) == 1 else "")


async def refuse(
    error: ConversationError, send: Callable[[Any], Awaitable[None]], quota: Quota | None
) -> None:
    """Answer a handshake by an error of HTTP, and by what is left of its key's requests."""
    response = errors.answer(error)
    if quota:
        dress.tell(quota, response)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    status = response.status_code
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": response.content})
