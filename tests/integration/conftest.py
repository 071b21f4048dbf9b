"""What tests on a real database begin with."""

import asyncio
import os
from datetime import timedelta

import pytest
import pytest_asyncio
from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.utils import timezone

from conversations.models import Conversation
from conversations.sockets import standing
from devtools.redis import version
from tests.integration.clustered import Clustered
from tests.integration.redis_server import RedisServer
from tests.taps import Tap
from tests.waiting import eventually
from workers.models import WorkerProcess
from workers.redis import connections, libraries


@pytest.fixture
def owner(transactional_db):
    return get_user_model().objects.create_user("ada", password="a long passphrase")


@pytest.fixture
def conversation(owner) -> Conversation:
    return Conversation.objects.create(owner=owner, agent="demo")


@pytest.fixture
def worker_row(transactional_db) -> WorkerProcess:
    """A worker that lives, as its row tells."""
    now = timezone.now()
    return WorkerProcess.objects.create(
        name="worker-1",
        pool="default",
        host="here",
        pid=1,
        process_start="boot 1",
        slots=10,
        started=now,
        lease=now + timedelta(hours=1),
    )


@pytest.fixture
def heard(owner, redis_client):
    """Waits until something of the owner's hears what is said of their standing."""
    channel = f"{site.CHANNEL_PREFIX}__group__{standing.group(owner.pk)}"

    def is_heard():
        return redis_client.pubsub_numsub(channel)[0][1]

    return lambda: asyncio.to_thread(eventually, is_heard)


@pytest_asyncio.fixture
async def live(settings, redis_client):
    """Between the site and the Redis of the logs."""
    with Tap(os.environ["REDIS_URL"]) as tap:
        settings.REDIS_LIVE_URL = tap.url
        yield tap
        await connections.close()


@pytest.fixture
def own_redis(tmp_path, settings, site_timeouts):
    """Where the redis store keeps what is said: a test may take it away."""
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_STORE_URL = server.url
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clustered(tmp_path_factory):
    """Three masters, whole and empty or not; ask for `cluster`."""
    found = Clustered(tmp_path_factory.mktemp("cluster"))
    if version(found.masters[0].binary) < (7, 0):
        pytest.skip("this Redis cannot be told the port of its cluster")
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def cluster(clustered, settings):
    """The roles that can be on a Redis Cluster are on it."""
    clustered.flush()
    settings.REDIS_CACHE_URL = settings.REDIS_STORE_URL = clustered.url
    told = libraries.for_cache(clustered.url, settings.CACHE_OPTIONS)
    settings.CACHES = {"default": settings.CACHES["default"] | told}
    return clustered
