"""A replica that took over is found by itself."""

import asyncio
from contextlib import suppress

import pytest
import redis

from devtools.ports import free_port
from tests.integration.clustered import CONFIGURATION, PASSWORD, Clustered
from tests.integration.redis_server import RedisServer
from tests.waiting import GENEROUS, eventually
from workers.redis import connections

pytestmark = pytest.mark.slow
KEY = "key"


@pytest.fixture
def replicated(tmp_path, settings):
    """A cluster of a test's own, and the replica of the master that has the key."""
    found = Clustered(tmp_path)
    lines = [*CONFIGURATION, f"cluster-port {free_port()}", f"masterauth {PASSWORD}"]
    replica = RedisServer(tmp_path / "replica", PASSWORD, more=lines)
    try:
        replica.start()
        found.start()
        join(found, replica)
        settings.REDIS_CACHE_URL = settings.REDIS_STORE_URL = found.url
        yield found, replica
    finally:
        replica.stop()
        found.stop()


def join(found, replica):
    with replica.client() as joining, found.owner(KEY).client() as master:
        found.meet(joining)
        name = master.cluster("myid").decode()
        eventually(lambda: name in [node["node_id"] for node in joining.cluster("nodes").values()])
        joining.cluster("replicate", name)
        eventually(lambda: joining.info("replication").get("master_link_status") == "up")


async def test_a_replica_that_takes_over_is_followed(replicated):
    found, replica = replicated
    client, in_thread = connections.shared(), connections.transcripts()
    await client.set(KEY, "value")
    assert await asyncio.to_thread(in_thread.get, KEY) == b"value"
    with replica.client() as taking:
        eventually(lambda: taking.dbsize() == 1)
        found.owner(KEY).stop()
        taking.cluster("failover", "takeover")
    assert await again(client.get) == b"value"
    assert await again(asyncio.to_thread, in_thread.get) == b"value"
    connections.ping(found.url)


async def again(read, *how):
    """What is read as soon as the others know of it."""
    async with asyncio.timeout(GENEROUS):
        while True:
            with suppress(redis.RedisError):
                return await read(*how, KEY)
            await asyncio.sleep(0.05)
