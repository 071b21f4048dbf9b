"""Clients by Sentinels: they ask them for the master whenever they connect."""

from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry as SyncRetry
from redis.sentinel import Sentinel as SyncSentinel

from workers.redis.addresses import Sentinels

# A Sentinel that does not answer at once is passed over for the next one; nobody repeats.
PATIENCE: dict[str, Any] = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "protocol": 2}


class MasterPool(SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """Connections to the master, of which a caller awaits a free one, as in any blocking pool."""

    def __init__(self, found: Sentinels, **options: Any) -> None:
        manager = Sentinel(found.hosts, sentinel_kwargs=asking(found, Retry))  # type: ignore[no-untyped-call]
        super().__init__(found.master, manager, **found.credentials, **options)  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def asking(found: Sentinels, retry: type[Retry] | type[SyncRetry]) -> dict[str, Any]:
    """How one Sentinel is asked."""
    return PATIENCE | found.asking | {"retry": retry(NoBackoff(), 0)}


def client(found: Sentinels, **options: Any) -> redis.Redis:
    """A client of the master, for threads."""
    manager = SyncSentinel(found.hosts, sentinel_kwargs=asking(found, SyncRetry))  # type: ignore[no-untyped-call]
    chosen = found.credentials | options
    master: redis.Redis = manager.master_for(found.master, **chosen)  # type: ignore[no-untyped-call]
    return master
