"""Whether a person, and their keys, may still do what they began.

What lasts, a socket or a stream, joins the person's group and looks again at what changed. What
changed before it had joined it finds soon after; who misses a message, at the look of every minute.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgpack
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from redis.exceptions import RedisError

from conversations.sockets.base import patience
from conversations.threads import in_thread
from workers.redis import connections

CHANGED = "standing.changed"
CHECK = 60  # seconds between looks while nothing is heard
SOON = 1  # second until the first: by then the groups are joined, and Redis knows it
DECIDING = {"is_active", "password"}  # columns of an account

log = structlog.get_logger(__name__)


def group(user_id: Any) -> str:
    """The channel layer's group of all that lasts of this person."""
    return f"standing_{user_id}"


def announce(user_id: Any) -> None:
    """Have all of it look again, once this is committed. Whatever changed never fails for it."""
    transaction.on_commit(partial(_publish, user_id), robust=True)


def _publish(user_id: Any) -> None:
    channel = f"{settings.CHANNEL_PREFIX}__group__{group(user_id)}"
    try:
        connections.publish(channel, msgpack.packb({"type": CHANGED}))
    except (RedisError, OSError) as error:
        log.warning("standing.not_announced", error=type(error).__name__)


class Guard:
    """Of something that lasts: looks again when it is told to, and when it is time."""

    def __init__(
        self,
        groups: Sequence[str],
        check: Callable[[], object],
        *,
        rest: Callable[[], float] = lambda: CHECK,
    ) -> None:
        """`check` is called in a thread and raises what is told; `rest` has the seconds until then."""
        self.groups = groups
        self._check, self._rest = check, rest
        self._due = time.monotonic() + min(SOON, rest())

    async def look(self, message: Mapping[str, Any] | None) -> None:
        """After each message of the groups, and each silence. Raises as `check` does."""
        is_told = message is not None and message.get("type") == CHANGED
        if is_told or time.monotonic() >= self._due:
            with patience():
                await in_thread(self._check)
            self._due = time.monotonic() + self._rest()


@receiver(
    [post_save, post_delete], sender=settings.AUTH_USER_MODEL, dispatch_uid="look_at_a_person_again"
)
def look_again(
    sender: Any,
    instance: Any,
    created: bool = False,
    update_fields: Collection[str] | None = None,
    **kwargs: Any,
) -> None:
    """An account was changed or deleted; a log-in, which is saved too, changes nothing here."""
    if not created and (update_fields is None or DECIDING & set(update_fields)):
        announce(instance.pk)
