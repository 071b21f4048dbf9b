"""A turn that runs, and the claim that shows it."""

import uuid

import pytest
import pytest_asyncio

from conversations import streams
from conversations.facts import TurnFacts
from conversations.models import Turn
from conversations.streams import Writer
from tests.integration.redis_server import RedisServer
from workers.redis import connections


@pytest_asyncio.fixture(autouse=True)
async def clients(redis_client):
    yield
    await connections.close()


@pytest.fixture
def running(conversation):
    """The row of a turn that is claimed."""
    return Turn.objects.create(
        conversation=conversation,
        owner=conversation.owner,
        number=0,
        state=Turn.State.RUNNING,
        pool="default",
        input=[],
        attempt=1,
        claim_token=uuid.uuid4(),
    )


@pytest.fixture
def facts(running):
    return TurnFacts(running.id, running.conversation_id, "demo", 1_790_000_000)


@pytest.fixture
def writer(facts, running):
    return Writer(facts, running.claim_token, attempt=1)


@pytest.fixture
def successor(facts):
    return Writer(facts, uuid.uuid4(), attempt=2)


@pytest.fixture
def logged(facts):
    """The entries in the log, without its opening."""

    async def read():
        return list((await streams.read(facts, 2)).entries)

    return read


@pytest.fixture
def own_redis(tmp_path, settings, site_timeouts):
    """A server that the test may stop; role `live` is on it."""
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_LIVE_URL = server.url
    yield server
    server.stop()
