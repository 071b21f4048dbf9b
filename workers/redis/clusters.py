"""Clients of a Redis Cluster, which understand what those of one server do.

They ask the nodes of the address where each key is, and follow it when it moves. All keys of a
script carry one hash tag, and so are on one node.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode
from redis.cluster import ClusterNode as SyncClusterNode
from redis.cluster import NodesManager
from redis.exceptions import RedisClusterException

from workers.redis.addresses import Cluster
from workers.redis.cancelling import cancellable
from workers.redis.scripts import LoopScript, Script
from workers.threads import Result, aside

# The names in the address are asked again and again: what they stand for may have moved as a whole.
# A moved key says where it is now; to ask for all others as well would cut off who waits for them.
FOLLOWING: dict[str, Any] = {"dynamic_startup_nodes": False, "reinitialize_steps": 0}
LOOK = 0.25  # seconds in which nodes that answer tell where the keys are


@contextmanager
def typed() -> Iterator[None]:
    """That no node can be reached is no RedisError to redis-py; here it is as with one server."""
    try:
        yield
    except RedisClusterException as error:
        raise redis.ConnectionError(str(error)) from error


def within(seconds: float, deed: Callable[[], Result]) -> Result:
    """What comes of it in a thread of its own, which goes on alone. Raises redis.TimeoutError."""
    try:
        return aside(deed).result(seconds)
    except TimeoutError:
        raise redis.TimeoutError from None


class Looking:
    """Asks the nodes where the keys are, once for all threads, of which none waits for who hangs.

    Each node that hangs takes the whole timeout, and whoever has lost one may be in a transaction.
    """

    def __init__(self, nodes: NodesManager) -> None:
        self._nodes = nodes
        self._busy = Lock()

    def __call__(self, *args: Any, **options: Any) -> None:
        if self._busy.acquire(blocking=False):
            with suppress(redis.RedisError, RedisClusterException):
                within(LOOK, lambda: self._look(*args, **options))

    def _look(self, *args: Any, **options: Any) -> None:
        try:
            NodesManager.initialize(self._nodes, *args, **options)
        finally:
            self._busy.release()


class ThreadsClient(redis.RedisCluster):
    """For threads. Connects when it is made; raises redis.ConnectionError."""

    @typed()
    def __init__(self, found: Cluster, **options: Any) -> None:
        nodes = [SyncClusterNode(host, port) for host, port in found.hosts]  # type: ignore[no-untyped-call]
        super().__init__(startup_nodes=nodes, **found.credentials, **FOLLOWING, **options)
        self.nodes_manager.initialize = Looking(self.nodes_manager)  # type: ignore[method-assign]

    @typed()
    def execute_command(self, *args: Any, **options: Any) -> Any:
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, *args: Any, **options: Any) -> Any:
        """Never a transaction: there is none over several nodes."""
        made: Any = super().pipeline()  # type: ignore[no-untyped-call]
        made.execute = typed()(made.execute)
        return made

    def register_script(self, script: Any) -> Any:
        return Script(self, script)

    def ping(self, **options: Any) -> Any:
        """Of every master: a replica that is away harms nobody."""
        return super().ping(target_nodes=self.PRIMARIES, **options)

    def mget(self, keys: Any, *args: Any) -> Any:
        """Also of keys on several nodes, as Django's cache asks for them."""
        return self.mget_nonatomic(keys, *args)


class LoopClient(redis.asyncio.RedisCluster):
    """For one event loop. `places`: the commands that may be under way; others wait for `patience` seconds."""

    def __init__(self, found: Cluster, *, places: int, patience: float, **options: Any) -> None:
        nodes = [ClusterNode(host, port) for host, port in found.hosts]
        super().__init__(startup_nodes=nodes, **found.credentials, **FOLLOWING, **options)
        kind = cancellable(self.connection_kwargs["connection_class"])
        self.connection_kwargs["connection_class"] = kind
        for node in self.startup_nodes:
            node.connection_class = kind
        self._places = asyncio.Semaphore(places)
        self._patience = patience

    async def initialize(self, *args: Any, **options: Any) -> "LoopClient":
        with typed():
            await super().initialize(*args, **options)
        return self

    def register_script(self, script: Any) -> Any:
        return LoopScript(self, script)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with asyncio.timeout(self._patience):
            await self._places.acquire()
        try:
            return await super().execute_command(*args, **options)
        finally:
            self._places.release()

    async def aclose(self) -> None:
        """Also what redis-py leaves open when the last command failed."""
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")
