"""The probes of a replica, with each dependency taken away from it."""

import asyncio
import json
import socket
from contextlib import suppress

import psycopg
import pytest
from django.db import OperationalError, connection

from agentsite import health
from conversations.threads import in_thread
from tests.integration.agentsite.probing import fresh, probed
from tests.integration.redis_server import RedisServer
from tests.waiting import GENEROUS
from workers.health import needs
from workers.health.sharing import Shared
from workers.observing import metrics

__all__ = ["fresh"]

pytestmark = pytest.mark.django_db(transaction=True)

PARTS = [
    "postgresql",
    "migrations",
    "settings",
    "redis_queue",
    "redis_cache",
    "redis_live",
    "draining",
]


@pytest.fixture
def own_redis(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_a_replica_that_lacks_nothing_says_so_of_each_part(async_client):
    answer = await async_client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": {part: {"status": "ok"} for part in PARTS}}


@pytest.mark.parametrize("role", ["queue", "cache", "live"])
async def test_a_replica_without_redis_in_one_role_is_not_ready_but_lives(
    async_client, settings, role
):
    setattr(settings, f"REDIS_{role.upper()}_URL", "redis://127.0.0.1:1/0")
    status, lacking = await probed(async_client)
    assert (status, list(lacking)) == (503, [f"redis_{role}"])
    assert lacking[f"redis_{role}"]["problem"] == "ConnectionError"
    assert f"REDIS_{role.upper()}_URL" in lacking[f"redis_{role}"]["mend"]
    assert (await async_client.get("/livez")).status_code == 200


async def test_a_store_with_a_redis_of_its_own_is_told_and_binds_nobody(async_client, settings):
    settings.REDIS_STORE_URL = "redis://127.0.0.1:1/0"
    status, lacking = await probed(async_client)
    assert (status, list(lacking)) == (200, ["redis_store"])
    assert "REDIS_STORE_URL" in lacking["redis_store"]["mend"]
    lacks = {"role": "replica", "part": "redis_store"}
    assert metrics.REGISTRY.get_sample_value("agentsite_not_ready", lacks) == 1


async def test_a_replica_is_ready_again_when_redis_is_back(async_client, settings, own_redis):
    settings.REDIS_LIVE_URL = own_redis.url
    assert await probed(async_client) == (200, {})
    own_redis.stop()
    assert (await probed(async_client))[0] == 503
    own_redis.start()
    assert await probed(async_client) == (200, {})


@pytest.fixture
def deaf(settings, monkeypatch):
    """A Redis that takes connections and never answers; its client would wait for long."""
    monkeypatch.setattr(needs, "LIMIT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        times = f"socket_timeout={GENEROUS}&socket_connect_timeout={GENEROUS}"
        settings.REDIS_LIVE_URL = f"{address}?{times}"
        yield server


async def test_a_redis_that_does_not_answer_holds_nobody_up(async_client, deaf):
    status, lacking = await probed(async_client)
    assert not all(asked.done() for asked in health.examiner()._asked.values())
    assert (status, lacking["redis_live"]["problem"]) == (503, "TimeoutError")


async def test_a_part_that_hangs_is_not_asked_again_meanwhile(async_client, deaf):
    for _ in range(2):
        await asyncio.gather(*(probed(async_client) for _ in range(20)))
    assert len(callers(deaf)) <= 2


def callers(server):
    """Of whom nobody has been answered."""
    server.setblocking(False)
    found = []
    with suppress(BlockingIOError):
        while True:
            line, address = server.accept()
            line.close()
            found.append(address)
    return found


async def test_a_replica_without_postgresql_is_not_ready(async_client, monkeypatch):
    def refuse():
        raise OperationalError("password=my-secret host=10.1.2.3")

    monkeypatch.setattr(needs, "missing_migrations", refuse)
    answer = await async_client.get("/readyz")
    parts = answer.json()["parts"]
    assert (answer.status_code, parts["postgresql"]["problem"]) == (503, "OperationalError")
    assert "DATABASE_URL" in parts["postgresql"]["mend"]
    assert parts["migrations"]["problem"] == parts["settings"]["problem"] == "unknown"
    assert b"my-secret" not in answer.content
    assert b"10.1.2.3" not in answer.content


async def test_a_postgresql_that_does_not_answer_holds_nobody_up(async_client, monkeypatch):
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK django_migrations")
        with monkeypatch.context() as hurry:
            hurry.setattr(needs, "LIMIT", 0.2)
            status, lacking = await probed(async_client)
        assert not all(asked.done() for asked in health.examiner()._asked.values())
    assert (status, lacking["postgresql"]["problem"]) == (503, "TimeoutError")
    assert lacking["migrations"]["problem"] == lacking["settings"]["problem"] == "unknown"
    assert await probed(async_client) == (200, {})


async def test_a_replica_with_tables_of_an_older_version_names_the_migration(async_client):
    newest = max(name for name in needs.newest_migrations() if name.startswith("conversations"))
    await in_thread(rename_migration, newest, f"{newest}_no_more")
    try:
        status, lacking = await probed(async_client)
    finally:
        await in_thread(rename_migration, f"{newest}_no_more", newest)
    assert (status, list(lacking)) == (503, ["migrations"])
    assert lacking["migrations"]["problem"] == f"{newest} is not applied"
    assert "manage.py migrate" in lacking["migrations"]["mend"]


def rename_migration(before, after):
    app, _, name = before.partition(".")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_migrations SET name = %s WHERE app = %s AND name = %s",
            [after.partition(".")[2], app, name],
        )


async def test_a_replica_whose_key_no_worker_has_is_not_ready(async_client, worker_row):
    worker_row.fingerprints["keys"] = "another"
    await in_thread(worker_row.save)
    status, lacking = await probed(async_client)
    assert (status, list(lacking)) == (503, ["settings"])
    assert lacking["settings"]["problem"] == "other keys than everybody else"
    assert "the same SECRET_KEY" in lacking["settings"]["mend"]


async def test_a_difference_in_what_agents_say_is_no_reason_to_serve_nobody(
    async_client, worker_row
):
    worker_row.fingerprints["agents"] = "another"
    await in_thread(worker_row.save)
    assert await probed(async_client) == (200, {})


async def test_a_replica_that_is_taken_out_is_not_ready_and_answers_all_the_same(async_client):
    health.take_out()
    status, lacking = await probed(async_client)
    assert (status, list(lacking)) == (503, ["draining"])
    assert (await async_client.get("/livez")).status_code == 200


async def test_a_flood_of_probes_is_one_look(async_client, monkeypatch):
    looks = []
    monkeypatch.setattr(
        health, "EXAMINATION", Shared(lambda: looks.append(1) or health.examine(), fresh=60)
    )
    answers = await asyncio.gather(*(async_client.get("/readyz") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(looks) == 1


async def test_probes_keep_their_connections(async_client, redis_client):
    await probed(async_client)
    before = redis_client.info("stats")["total_connections_received"]
    for _ in range(10):
        await probed(async_client)
    assert redis_client.info("stats")["total_connections_received"] == before


async def test_probes_are_answered_whatever_the_host_name(async_client, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = await async_client.get("/readyz", headers={"host": "10.1.2.3:8000"})
    assert json.loads(answer.content)["status"] == "ok"


async def test_what_a_replica_lacks_is_counted(async_client, settings):
    settings.REDIS_LIVE_URL = "redis://127.0.0.1:1/0"
    await probed(async_client)
    lacks = {"role": "replica", "part": "redis_live"}
    assert metrics.REGISTRY.get_sample_value("agentsite_not_ready", lacks) == 1
