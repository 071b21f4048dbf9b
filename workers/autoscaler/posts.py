"""One autoscaler decides for a pool at a time: it holds a lock of PostgreSQL, the others stand by.

The lock belongs to a direct connection: whoever is killed or cut off loses it, and a stand-by
finds it free at its next look. Behind a transaction pooler there is no such lock: whoever asks
decides for all, and only one may be started.
"""

from collections.abc import Iterable
from contextlib import suppress
from zlib import crc32

import psycopg
import structlog
from django.conf import settings

from workers.fleet.sessions import direct

SCALE_LOCK = 0x7363616C  # with a pool's own number
TRY = "SELECT pg_try_advisory_lock(%s, %s::bigint::bit(32)::int)"

log = structlog.get_logger(__name__)


class Posts:
    """The pools for which this process decides."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        self.held: set[str] = set()

    def hold(self, pools: Iterable[str]) -> set[str]:
        """Those for which it decides from now on; none while PostgreSQL is away."""
        if not settings.WORKER_PRESENCE_LOCKS:  # a pooler would keep the lock and lend it to others
            self.held |= set(pools)
            return self.held
        try:
            connection = self._connected()
            connection.execute("SELECT 1")  # also says whether the locks are still ours
            for pool in set(pools) - self.held:
                self._try(connection, pool)
        except psycopg.Error as error:
            log.warning("posts_lost", pools=sorted(self.held), reason=type(error).__name__)
            self.leave()
        return self.held

    def leave(self) -> None:
        """Let a stand-by have them."""
        self.held = set()
        if self._connection is None:
            return
        with suppress(psycopg.Error):
            # at once; a backend whose client has gone keeps its locks for a moment
            self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()
        self._connection = None

    def _try(self, connection: psycopg.Connection, pool: str) -> None:
        row = connection.execute(TRY, [SCALE_LOCK, crc32(pool.encode())]).fetchone()
        if row and row[0]:
            self.held.add(pool)
            log.info("post_taken", pool=pool)

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = direct()
        return self._connection
