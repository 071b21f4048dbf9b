"""A Redis Cluster that is reached over TLS."""

import asyncio

import pytest

from devtools.ports import free_port
from tests.integration.clustered import CONFIGURATION, PASSWORD, SLOTS, info
from tests.integration.redis_server import RedisServer
from tests.integration.tunnels import Tunnel, certificate
from tests.waiting import eventually
from workers.redis import connections


@pytest.fixture
def secured(tmp_path, settings):
    """The way to its one node, which has all slots; the node names that way itself."""
    files = certificate(tmp_path)
    node = RedisServer(tmp_path, PASSWORD, more=[*CONFIGURATION, f"cluster-port {free_port()}"])
    tunnel = Tunnel(node.port, files)
    node.start()
    with node.client() as client:
        client.config_set("cluster-announce-port", tunnel.port)
        client.cluster("addslotsrange", 0, SLOTS - 1)
        eventually(lambda: info(client)["cluster_state"] == "ok")
    url = f"rediss+cluster://:{PASSWORD}@127.0.0.1:{tunnel.port}?ssl_ca_certs={files[0]}"
    settings.REDIS_CACHE_URL = settings.REDIS_STORE_URL = url
    yield tunnel
    node.stop()
    tunnel.close()


async def test_both_clients_speak_tls(secured):
    await connections.shared().set("key", "value")
    assert await asyncio.to_thread(connections.transcripts().get, "key") == b"value"
    assert secured.handshakes > 1
