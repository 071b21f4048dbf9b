"""A Redis Cluster that speaks TLS."""

import asyncio

import pytest

from devtools.ports import free_port
from tests.integration import certificates
from tests.integration.clustered import CONFIGURATION, PASSWORD, SLOTS, info
from tests.integration.redis_server import RedisServer
from tests.waiting import eventually
from workers.redis import connections


@pytest.fixture
def secured(tmp_path, settings):
    """One node has all slots."""
    if not certificates.are_of_use():
        pytest.skip("this Redis speaks no TLS")
    files, port = certificates.make(tmp_path), free_port()
    lines = [*CONFIGURATION, f"cluster-port {free_port()}", "tls-cluster yes"]
    lines += certificates.lines(files, port)
    node = RedisServer(tmp_path, PASSWORD, more=lines)
    node.start()
    with node.client() as client:
        client.cluster("addslotsrange", 0, SLOTS - 1)
        eventually(lambda: info(client)["cluster_state"] == "ok")
    url = f"rediss+cluster://:{PASSWORD}@127.0.0.1:{port}?ssl_ca_certs={files[0]}"
    settings.REDIS_CACHE_URL = settings.REDIS_STORE_URL = url
    yield
    node.stop()


@pytest.mark.usefixtures("secured")
async def test_both_clients_speak_tls():
    await connections.shared().set("key", "value")
    assert await asyncio.to_thread(connections.transcripts().get, "key") == b"value"
