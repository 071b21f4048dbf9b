"""A replica on a port of its own, a crew of workers behind it, and a program with a key."""

import asyncio

import httpx2 as httpx
import pytest
import pytest_asyncio
import uvicorn
from channels.layers import get_channel_layer

from agentsite.asgi import application
from conversations import keys
from conversations.sockets import standing
from conversations.threads import in_thread
from tests.integration.policies.crew import Crew
from tests.integration.runner.conftest import asked, patience, provider
from tests.waiting import GENEROUS
from workers.redis import connections

WS, FRAME = "websockets-sansio", 65_536  # as replicas are started

__all__ = ["asked", "patience", "provider"]


@pytest_asyncio.fixture(autouse=True)
async def clients(redis_client):
    yield
    await get_channel_layer().flush()
    await connections.close()


@pytest_asyncio.fixture
async def replica():
    """The address of a server that runs in the test's own loop."""
    how = {"log_config": None, "lifespan": "off", "ws": WS, "ws_max_size": FRAME}
    how["timeout_graceful_shutdown"] = 5  # seconds: a test that failed may leave a stream open
    config = uvicorn.Config(application, port=0, **how)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by an attribute
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest_asyncio.fixture
async def crew(worker_row):
    async with Crew(worker_row) as crew:
        yield crew


@pytest_asyncio.fixture
async def key(owner):
    """The secret of a key that may do everything."""
    return (await in_thread(keys.make, owner.pk, name="tests"))[1]


@pytest_asyncio.fixture
async def program(replica, key):
    """An HTTP client that sends the key."""
    how = {"headers": {"Authorization": f"Bearer {key}"}, "timeout": GENEROUS, "verify": False}
    async with httpx.AsyncClient(base_url=replica, **how) as client:
        yield client


@pytest.fixture
def trusting(monkeypatch):
    """Keys are looked at only where something is said of them."""
    monkeypatch.setattr(standing, "CHECK", 3600)
    monkeypatch.setattr(standing, "SOON", 3600)
