"""Who asks: `Authorization: Bearer <key>`, and nothing else. A session's cookie counts for nothing.

So no page of another site can act for somebody who is logged in, and no CSRF token is needed.
"""

from typing import Any

from django.http import HttpRequest
from ninja.security.base import AuthBase

from conversations import keys, quotas
from conversations.api import errors
from conversations.errors import (
    InsufficientScope,
    InvalidKey,
    RateLimited,
    UnsupportedParameter,
)
from conversations.keys import Caller
from conversations.models import Scope
from conversations.quotas import Quota
from conversations.threads import in_thread

LONGEST = 200  # characters that can be a key at all


class Bearer(AuthBase):
    """Admits a request whose key has the scope, and counts it."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.is_async = True
        self._scope = scope

    async def __call__(self, request: HttpRequest) -> Caller:
        caller, quota = await in_thread(admit, secret(request))
        request.quota = quota  # type: ignore[attr-defined]  # the handler tells it in headers
        check_quota(quota)
        check_scope(caller, self._scope)
        return caller


def secret(request: HttpRequest) -> str:
    """The key that a request carries. Raises `InvalidKey`."""
    return key_in(request.headers.get("Authorization", ""))


def key_in(header: str) -> str:
    """The key in an Authorization header. Raises `InvalidKey`."""
    scheme, _, key = header.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not 0 < len(key) <= LONGEST or not key.isascii():
        raise InvalidKey("Send an API key: Authorization: Bearer ags_...")
    return key


def admit(key: str) -> tuple[Caller, Quota | None]:
    caller = keys.caller(key)
    return caller, quotas.take(caller.key.hex, caller.requests_per_minute)


def check_quota(quota: Quota | None) -> None:
    """Raises `RateLimited`."""
    if quota and not quota.admitted:
        raise RateLimited("This key has made too many requests; wait a moment.")


def check_scope(caller: Caller, scope: Scope) -> None:
    """Raises `InsufficientScope`."""
    if scope not in caller.scopes:
        raise InsufficientScope(f"This API key lacks the scope {scope}.")


def caller_of(request: HttpRequest, *query: str) -> Caller:
    """Who asks, after `Bearer` has let them in; no parameter but these may stand in the address.

    Raises `UnsupportedParameter`.
    """
    for name in request.GET:
        if name not in query:
            raise UnsupportedParameter(param=errors.named([name]))
    caller: Any = request.auth  # type: ignore[attr-defined]  # ninja's
    assert isinstance(caller, Caller)
    return caller


reads, writes = Bearer(Scope.READ), Bearer(Scope.WRITE)
