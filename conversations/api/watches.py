"""Requests and connections that last: whoever's key is revoked meanwhile is told so at once."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from conversations import keys
from conversations.api.bearer import secret
from conversations.keys import Caller
from conversations.sockets import standing
from conversations.sockets.base import patience
from conversations.threads import in_thread

KEY_CHECK = 60  # seconds between looks at the key while nothing is asked
LEAST = 1  # second: PostgreSQL's clock, which ends a key, may lag behind this one


def rest(caller: Caller) -> float:
    """Seconds until the next look at a key that nobody says anything of: at its end, if that is near."""
    if caller.expires is None:
        return KEY_CHECK
    left = (caller.expires - timezone.now()).total_seconds()
    return min(KEY_CHECK, max(LEAST, left))


class Watch:
    """Whether the key of a request that lasts is still valid; a guard of an `Ear`."""

    def __init__(self, request: HttpRequest) -> None:
        caller: Caller = request.auth  # type: ignore[attr-defined]  # ninja's
        self._secret = secret(request)
        self._caller = caller
        self.groups: Sequence[str] = [standing.group(caller.user.pk)]
        self._due = time.monotonic() + rest(caller)

    async def look(self, message: Mapping[str, Any] | None) -> None:
        """Raises `InvalidKey`."""
        is_told = message is not None and message.get("type") == standing.CHANGED
        if is_told or time.monotonic() >= self._due:
            with patience():
                await in_thread(keys.caller, self._secret)
            self._due = time.monotonic() + rest(self._caller)
