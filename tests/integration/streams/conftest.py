"""An empty Redis, clients that are closed with their loop, and a turn to write."""

from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from conversations.facts import TurnFacts
from conversations.streams import Writer
from workers.redis import connections


@pytest_asyncio.fixture(autouse=True)
async def clients(redis_client):
    yield
    await connections.close()


@pytest.fixture
def facts():
    return TurnFacts(uuid4(), uuid4(), "demo", 1_790_000_000, {"key": "value"})


@pytest.fixture
def writer(facts):
    return Writer(facts, UUID(int=1), attempt=1)


@pytest.fixture
def successor(facts):
    return Writer(facts, UUID(int=2), attempt=2)


@pytest.fixture
def layer_on(settings):
    """Puts the channel layer on other servers."""

    def put(urls: list[str]) -> None:
        layer = settings.CHANNEL_LAYERS["default"]
        config = layer["CONFIG"] | {"hosts": urls}
        settings.CHANNEL_LAYERS = {"default": layer | {"CONFIG": config}}

    return put
