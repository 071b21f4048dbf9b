"""The one door to the Redis clients that are not RQ's: a client per role, and nothing else.

Roles: `live` carries turn logs and the channel layer, `cache` the hot copies.
"""

import asyncio
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from django_redis import get_redis_connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

LIVE_CONNECTIONS = 16  # a process; one command takes well under a millisecond of each
TIMEOUT = 2  # seconds until a server that hangs counts as down

_live: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


def live() -> redis.asyncio.Redis:
    """The running loop's client of role `live`. It never repeats a command by itself.

    redis-py's default repeats silently when only the reply was lost; here the caller decides.
    """
    loop = asyncio.get_running_loop()
    if loop not in _live:
        _live[loop] = redis.asyncio.Redis.from_pool(_live_pool())
    return _live[loop]


def _live_pool() -> redis.asyncio.BlockingConnectionPool:
    return redis.asyncio.BlockingConnectionPool.from_url(
        settings.REDIS_LIVE_URL,
        max_connections=LIVE_CONNECTIONS,
        timeout=TIMEOUT,  # for a free connection
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # nothing here needs more, and it saves a round trip a connection
    )


def cache() -> redis.Redis:
    """The client of role `cache`; its timeouts are those of settings.CACHES."""
    client: redis.Redis = get_redis_connection("default")
    return client


async def close() -> None:
    """Close the running loop's clients."""
    if client := _live.pop(asyncio.get_running_loop(), None):
        await client.aclose()
