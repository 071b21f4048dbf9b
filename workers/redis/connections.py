"""The one door to the Redis clients that are not RQ's: a client per role, and nothing else.

Roles: `live` carries turn logs and the channel layer, `cache` the hot copies and what workers
share: the provider's limit, results of tools, `store` the transcripts of the redis store.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from functools import cache as once
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from channels_redis.utils import _consistent_hash
from django.conf import settings
from django_redis import get_redis_connection
from django_redis.exceptions import ConnectionInterrupted
from django_redis.pool import ConnectionFactory
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.retry import Retry as SyncRetry

from workers.redis import addresses, clusters, sentinels
from workers.redis.addresses import Cluster, Sentinels
from workers.redis.cancelling import cancellable
from workers.redis.pipelining import Pipelining

CONNECTIONS = 16  # a loop and server; one command takes well under a millisecond of each
TIMEOUT = 2  # seconds until a server that hangs counts as down

# A subscriber only listens, so it would never notice that its server is gone without a farewell:
# the kernel asks after 5 silent seconds, and gives up after 10 without an answer.
KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}

Clients = dict[str, redis.asyncio.Redis]  # by address
Pipelines = dict[str, Pipelining]
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Clients] = WeakKeyDictionary()
_pipelines: WeakKeyDictionary[asyncio.AbstractEventLoop, Pipelines] = WeakKeyDictionary()


def live(channel: str) -> Pipelining:
    """The running loop's way to role `live`: to the server that carries a channel."""
    pipelines, url = _pipelines.setdefault(asyncio.get_running_loop(), {}), server_of(channel)
    if url not in pipelines:
        pipelines[url] = Pipelining(_client(url))
    return pipelines[url]


def servers_of(urls: str) -> list[str]:
    """The servers of role `live`: settings.REDIS_LIVE_URL may name several, which share the work."""
    return addresses.split(urls)


def server_of(channel: str) -> str:
    """Which of them carries a channel: the one that the channel layer chooses."""
    servers = servers_of(settings.REDIS_LIVE_URL)
    place: int = _consistent_hash(channel, len(servers))
    return servers[place]


def shared() -> redis.asyncio.Redis:
    """The running loop's client of role `cache`."""
    return _client(settings.REDIS_CACHE_URL)


def _client(url: str) -> redis.asyncio.Redis:
    """The running loop's client of a server. It never repeats a command by itself.

    redis-py's default repeats silently when only the reply was lost; here the caller decides.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if url not in clients:
        clients[url] = _made(url)
    return clients[url]


def _made(url: str) -> Any:
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # nothing here needs more, and it saves a round trip a connection
    }
    if isinstance(found := addresses.read(url), Cluster):
        return clusters.LoopClient(found, places=CONNECTIONS, patience=TIMEOUT, **options)
    # the timeout is for a free connection
    pool = _connecting(url, max_connections=CONNECTIONS, timeout=TIMEOUT, **options)
    return redis.asyncio.Redis.from_pool(pool)


def _connecting(url: str, **options: Any) -> redis.asyncio.ConnectionPool:
    pool: redis.asyncio.ConnectionPool
    if isinstance(found := addresses.read(url), Sentinels):
        pool = sentinels.MasterPool(found, **options)
    else:
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, **options)
    pool.connection_class = cancellable(pool.connection_class)
    return pool


async def heard(channel: str) -> AsyncGenerator[bytes]:
    """What is published on a channel of role `live`, on a connection of its own.

    Raises redis.RedisError or OSError when the connection is lost, and with it what came then.
    """
    pool = _connecting(
        server_of(channel),
        socket_connect_timeout=TIMEOUT,
        socket_keepalive=True,
        socket_keepalive_options=keepalive(),
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    client = redis.asyncio.Redis.from_pool(pool)
    async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe(channel)
        async for message in subscription.listen():
            yield message["data"]


def publish(channel: str, data: bytes) -> None:
    """Publish on a channel of role `live`, from a thread. Raises redis.RedisError, OSError."""
    _twice(lambda: _plain(server_of(channel)).publish(channel, data))


def ping(url: str) -> None:
    """Ask a server for a sign of life, from a thread. Raises redis.RedisError, OSError."""
    _twice(lambda: _plain(url).ping())


def _twice(deed: Callable[[], object]) -> None:
    """Again if the kept connection was an earlier server's; to be told twice harms nobody."""
    try:
        deed()
    except redis.ConnectionError:
        deed()


def transcripts() -> redis.Redis:
    """The client of role `store`, for threads.

    It gives up before idle_in_transaction_session_timeout: a write is part of a transaction.
    """
    return _patient(settings.REDIS_STORE_URL, TIMEOUT / 2)


@once
def _patient(url: str, timeout: float) -> redis.Redis:
    """A Cluster is connected to when its client is made, by one node after another."""
    client: redis.Redis = clusters.within(timeout, lambda: _plain(url, timeout))
    return client


@once
def _plain(url: str, timeout: float | None = None) -> Any:
    patience = TIMEOUT if timeout is None else timeout
    options: dict[str, Any] = {
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
        "retry": SyncRetry(NoBackoff(), 0),
        "protocol": 2,
    }
    found = addresses.read(url)
    if isinstance(found, Cluster):
        return clusters.ThreadsClient(found, **options)
    if isinstance(found, Sentinels):
        return sentinels.client(found, **options)
    return redis.Redis.from_url(url, **options)


def keepalive() -> dict[int, int]:
    """KEEPALIVE as far as this system has it, as redis-py wants it."""
    return {
        getattr(socket, name): value for name, value in KEEPALIVE.items() if hasattr(socket, name)
    }


def cache() -> redis.Redis:
    """The client of role `cache`; its timeouts are those of settings.CACHES."""
    client: redis.Redis = get_redis_connection("default")
    return client


class Unreachable(ConnectionInterrupted, redis.ConnectionError):  # type: ignore[misc]  # untyped
    """To django-redis something to pass over, to everybody else a lost connection."""


class ClusterConnectionFactory(ConnectionFactory):  # type: ignore[misc]  # untyped
    """django-redis's way to a Cluster: one client for all threads, in place of a pool."""

    def connect(self, url: str) -> Any:
        try:
            return _plain(url, self.options["SOCKET_TIMEOUT"])
        except redis.ConnectionError as error:
            raise Unreachable(None) from error

    def disconnect(self, connection: Any) -> None:
        connection.disconnect_connection_pools()


async def close() -> None:
    """Close the running loop's clients."""
    for pipeline in _pipelines.pop(asyncio.get_running_loop(), {}).values():
        await pipeline.aclose()
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.aclose()
