"""Requests and connections that last: whoever's key is revoked meanwhile is told so at once."""

from functools import partial

from django.http import HttpRequest
from django.utils import timezone

from conversations import keys
from conversations.api.bearer import secret
from conversations.keys import Caller
from conversations.sockets import standing
from conversations.sockets.standing import Guard

LEAST = 1  # second: PostgreSQL's clock, which ends a key, may lag behind this one


def rest(caller: Caller) -> float:
    """Seconds until the next look at a key that nobody says anything of: at its end, if that is near."""
    if caller.expires is None:
        return standing.CHECK
    left = (caller.expires - timezone.now()).total_seconds()
    return min(standing.CHECK, max(LEAST, left))


def watch(request: HttpRequest) -> Guard:
    """Over the key of a request that lasts; raises `InvalidKey`."""
    caller: Caller = request.auth  # type: ignore[attr-defined]  # ninja's
    check = partial(keys.caller, secret(request))
    return Guard([standing.group(caller.user.pk)], check, rest=partial(rest, caller))
