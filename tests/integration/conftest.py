"""What tests on a real database begin with."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from conversations.models import Conversation
from tests.integration.redis_server import RedisServer
from workers.models import WorkerProcess


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
def own_redis(tmp_path, settings):
    """Where the redis store keeps what is said: a test may take it away."""
    server = RedisServer(tmp_path)
    server.start()
    settings.REDIS_STORE_URL = server.url
    yield server
    server.stop()
