"""How each library is told of Sentinels: it asks them for the master whenever it connects."""

from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry as SyncRetry
from redis.sentinel import Sentinel as SyncSentinel

from workers.redis.addresses import Sentinels, sentinels

# A Sentinel that does not answer at once is passed over for the next one; nobody repeats.
PATIENCE: dict[str, Any] = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "protocol": 2}


class MasterPool(SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """Connections to the master, of which a caller awaits a free one, as in any blocking pool."""

    def __init__(self, found: Sentinels, **options: Any) -> None:
        manager = Sentinel(found.hosts, sentinel_kwargs=patience(Retry))  # type: ignore[no-untyped-call]
        super().__init__(found.master, manager, **found.credentials, **options)  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def patience(retry: type[Retry] | type[SyncRetry]) -> dict[str, Any]:
    """How one Sentinel is asked."""
    return PATIENCE | {"retry": retry(NoBackoff(), 0)}


def client(found: Sentinels, **options: Any) -> redis.Redis:
    """A client of the master, for threads."""
    manager = SyncSentinel(found.hosts, sentinel_kwargs=patience(SyncRetry))  # type: ignore[no-untyped-call]
    chosen = found.credentials | options
    master: redis.Redis = manager.master_for(found.master, **chosen)  # type: ignore[no-untyped-call]
    return master


def for_queues(url: str) -> dict[str, Any]:
    """The keys of RQ_QUEUES that say where the server is."""
    if (found := sentinels(url)) is None:
        return {"URL": url}
    return {
        "SENTINELS": list(found.hosts),
        "MASTER_NAME": found.master,
        "DB": found.database,
        # Not USERNAME: django-rq's admin pages would leave it out.
        "CONNECTION_KWARGS": found.credentials,
        "SENTINEL_KWARGS": patience(SyncRetry),
    }


def for_cache(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """LOCATION and OPTIONS of a django-redis cache.

    Not its SentinelClient, which reads from replicas: a session would be older than what was
    written to it a moment ago.
    """
    if (found := sentinels(url)) is None:
        return {"LOCATION": url, "OPTIONS": dict(options)}
    told: dict[str, Any] = {
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        # What an URL would say of these is put into lower case, or kept quoted.
        "CONNECTION_POOL_KWARGS": {"service_name": found.master, **found.credentials},
        "SENTINELS": list(found.hosts),
        "SENTINEL_KWARGS": patience(SyncRetry),
    }
    return {"LOCATION": f"redis://{found.master}/{found.database}", "OPTIONS": {**options, **told}}
