import json
import socket

import pytest
from django.db import OperationalError

from agentsite import health

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def deaf_server():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_replica_is_ready_when_it_reaches_both_servers(async_client):
    answer = await async_client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "postgresql": "ok", "redis": "ok"}


async def test_a_replica_without_redis_is_not_ready_but_lives(async_client, settings):
    settings.REDIS_LIVE_URL = "redis://127.0.0.1:1/0"
    answer = await async_client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["redis"] == "ConnectionError"
    assert (await async_client.get("/livez")).status_code == 200


async def test_a_redis_that_does_not_answer_is_given_up(async_client, settings, deaf_server):
    settings.REDIS_LIVE_URL = f"redis://127.0.0.1:{deaf_server}/0"
    answer = await async_client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["redis"] == "TimeoutError"


async def test_a_replica_without_postgresql_is_not_ready(async_client, monkeypatch):
    def refuse():
        raise OperationalError

    monkeypatch.setattr(health, "look_at_workers", refuse)
    answer = await async_client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["postgresql"] == "OperationalError"


async def test_probes_are_answered_whatever_the_host_name(async_client, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = await async_client.get("/readyz", headers={"host": "10.1.2.3:8000"})
    assert json.loads(answer.content)["status"] == "ok"
