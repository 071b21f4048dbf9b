"""Who a socket belongs to: the same look at its session when it opens, writes, and every minute.

Channels' own look happens once, and it changes sessions, which a socket cannot tell its browser.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    load_backend,
    user_logged_out,
)
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from redis.exceptions import RedisError

from conversations.errors import NotLoggedIn
from conversations.sockets import standing

ENDED = "session.ended"
PATIENCE = 1  # seconds that a log-out waits for Redis; sockets look at the row within a minute

log = structlog.get_logger(__name__)


def visitor(session_key: str) -> AbstractBaseUser:
    """The user whom this session logs in now. Raises `NotLoggedIn`."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = _user(session)
    if user is None or not _is_current(session, user):
        raise NotLoggedIn
    return user


def _user(session: SessionBase) -> AbstractBaseUser | None:
    """A backend answers None for a user who is gone or was deactivated."""
    path = session.get(BACKEND_SESSION_KEY, "")
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    user: AbstractBaseUser | None = load_backend(path).get_user(session.get(SESSION_KEY))
    return user


def _is_current(session: SessionBase, user: AbstractBaseUser) -> bool:
    """False once the password was changed."""
    known = session.get(HASH_SESSION_KEY, "")
    accepted = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(known, one) for one in accepted)


def group(session_key: str) -> str:
    """The channel layer's group of a session's sockets; it does not give the key away."""
    return f"session_{hashlib.sha256(session_key.encode()).hexdigest()[:32]}"


class Visit(standing.Guard):
    """Whether who began something that lasts is still logged in. Raises `NotLoggedIn`."""

    def __init__(self, session_key: str, user_id: Any) -> None:
        groups = [group(session_key), standing.group(user_id)]
        super().__init__(groups, partial(visitor, session_key))

    async def look(self, message: Mapping[str, Any] | None) -> None:
        """The session is still there when its end is told."""
        if message is not None and message.get("type") == ENDED:
            raise NotLoggedIn
        await super().look(message)


@receiver(user_logged_out, dispatch_uid="close_the_sockets_of_a_session")
def close_sockets(sender: Any, request: HttpRequest | None, **kwargs: Any) -> None:
    """Tell every replica that a session ends; the log-out itself never fails for it."""
    key = request.session.session_key if request else None
    if not key:
        return
    try:
        async_to_sync(_announce_end)(group(key))
    except (RedisError, OSError) as error:
        log.warning("sessions.end_not_announced", error=type(error).__name__)


async def _announce_end(name: str) -> None:
    layer = get_channel_layer()
    assert layer is not None, "settings.CHANNEL_LAYERS has no default"
    async with asyncio.timeout(PATIENCE):
        await layer.group_send(name, {"type": ENDED})
