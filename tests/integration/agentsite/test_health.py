"""The probes of a replica, with each dependency taken away from it."""

import asyncio
import json
import socket
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import pytest
from django.conf import settings as site
from django.db import OperationalError, connection
from django.utils import timezone

from agentsite import health
from conversations.models import Turn
from conversations.threads import in_thread
from tests.integration.redis_server import RedisServer
from workers.health import probes
from workers.health.sharing import Shared
from workers.observing import metrics

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


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Each test has a replica that nobody has probed."""
    health.examiner.cache_clear()
    monkeypatch.setattr(health, "EXAMINATION", Shared(health.examine, fresh=0))
    monkeypatch.setattr(health, "PROGRESS", Shared(health.count, fresh=0))
    monkeypatch.setattr(health, "_taken_out", False)
    yield
    health.examiner().close()
    health.examiner.cache_clear()


@pytest.fixture
def own_redis(tmp_path):
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def probed(client, path="/readyz"):
    """Status, and what is lacking."""
    answer = await client.get(path)
    parts = json.loads(answer.content)["parts"]
    return answer.status_code, {
        name: part for name, part in parts.items() if part["status"] != "ok"
    }


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


async def test_a_replica_is_ready_again_when_redis_is_back(async_client, settings, own_redis):
    settings.REDIS_LIVE_URL = own_redis.url
    assert await probed(async_client) == (200, {})
    own_redis.stop()
    assert (await probed(async_client))[0] == 503
    own_redis.start()
    assert await probed(async_client) == (200, {})


async def test_a_redis_that_does_not_answer_holds_nobody_up(async_client, settings):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        settings.REDIS_LIVE_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        began = monotonic()
        status, lacking = await probed(async_client)
        assert monotonic() - began < probes.LIMIT + 2
    assert (status, lacking["redis_live"]["problem"]) == (503, "TimeoutError")


async def test_a_part_that_hangs_is_not_asked_again_meanwhile(async_client, settings, monkeypatch):
    monkeypatch.setattr(probes, "LIMIT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        settings.REDIS_LIVE_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
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

    monkeypatch.setattr(probes, "missing_migrations", refuse)
    answer = await async_client.get("/readyz")
    parts = answer.json()["parts"]
    assert (answer.status_code, parts["postgresql"]["problem"]) == (503, "OperationalError")
    assert "DATABASE_URL" in parts["postgresql"]["mend"]
    assert parts["migrations"]["problem"] == parts["settings"]["problem"] == "unknown"
    assert b"my-secret" not in answer.content
    assert b"10.1.2.3" not in answer.content


async def test_a_replica_with_tables_of_an_older_version_names_the_migration(async_client):
    newest = max(name for name in probes.newest_migrations() if name.startswith("conversations"))
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


def queued(conversation, *, ago, **fields):
    """A turn that was accepted so long ago."""
    turn = Turn.objects.create(
        conversation=conversation,
        owner=conversation.owner,
        number=Turn.objects.count() + 1,
        pool=site.QUEUES[0],
        input=[],
        **fields,
    )
    Turn.objects.filter(id=turn.id).update(created=timezone.now() - ago)


async def test_an_idle_service_is_well(async_client):
    answer = await async_client.get("/healthz")
    work = {"oldest_waiting_seconds": 0.0, "since_success_seconds": None}
    assert (answer.status_code, answer.json()["work"]) == (200, work)


async def test_a_service_whose_last_success_was_days_ago_is_well_when_nothing_waits(
    async_client, conversation
):
    ended = {"state": "completed", "finished": timezone.now() - timedelta(days=3)}
    await in_thread(queued, conversation, ago=timedelta(days=3), **ended)
    answer = await async_client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json()["work"]["since_success_seconds"] == pytest.approx(3 * 86_400, abs=60)


async def test_work_that_waits_for_days_while_none_succeeds_is_no_health(
    async_client, conversation
):
    await in_thread(queued, conversation, ago=timedelta(days=1, seconds=5))
    status, lacking = await probed(async_client, "/healthz")
    assert (status, list(lacking)) == (503, ["work"])
    assert "work has waited for 8640" in lacking["work"]["problem"]
    assert (await probed(async_client, "/readyz"))[0] == 200  # no fault of this replica


async def test_a_turn_behind_one_that_waits_for_a_person_does_not_wait_for_a_worker(
    async_client, conversation
):
    await in_thread(queued, conversation, ago=timedelta(days=2), state="waiting")
    await in_thread(queued, conversation, ago=timedelta(days=1))
    assert (await probed(async_client, "/healthz"))[0] == 200
