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

PATIENCE = 0.5  # seconds; a Sentinel that does not answer at once is passed over for the next one
ALTOGETHER = 1.5  # seconds; where many are asked, each has less, for somebody waits for the master


class MasterPool(SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """Connections to the master, of which a caller awaits a free one, as in any blocking pool."""

    def __init__(self, found: Sentinels, **options: Any) -> None:
        manager = Sentinel(found.hosts, sentinel_kwargs=asking(found, Retry))  # type: ignore[no-untyped-call]
        super().__init__(found.master, manager, **found.credentials, **options)  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def asking(found: Sentinels, retry: type[Retry] | type[SyncRetry]) -> dict[str, Any]:
    """How one Sentinel is asked: whatever library does it, one after the other, and nobody repeats."""
    seconds = min(PATIENCE, ALTOGETHER / len(found.hosts))
    return {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "protocol": 2,
        "retry": retry(NoBackoff(), 0),
        **found.asking,
    }


def client(found: Sentinels, **options: Any) -> redis.Redis:
    """A client of the master, for threads."""
    manager = SyncSentinel(found.hosts, sentinel_kwargs=asking(found, SyncRetry))  # type: ignore[no-untyped-call]
    chosen = found.credentials | options
    master: redis.Redis = manager.master_for(found.master, **chosen)  # type: ignore[no-untyped-call]
    return master
