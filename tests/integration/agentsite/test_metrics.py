"""/metrics of a replica: numbers of the whole fleet, for those who may see them."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import yaml
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from rq.registry import BaseRegistry

from agentsite import exposition
from conversations.models import Turn
from conversations.threads import in_thread
from tests.waiting import GENEROUS
from workers import queues
from workers.health.sharing import Shared
from workers.observing import metrics

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, redis_client):
    monkeypatch.setattr(exposition, "FLEET", Shared(exposition.fleet, fresh=0))
    monkeypatch.setattr(exposition, "LIMIT", GENEROUS)


async def read(client, **headers):
    """Every sample by its name and labels."""
    answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def queued(conversation, *, ago, queue="batch", **fields):
    turn = Turn.objects.create(
        conversation=conversation,
        owner=conversation.owner,
        number=Turn.objects.count() + 1,
        pool=queue,
        input=[],
        **fields,
    )
    Turn.objects.filter(id=turn.id).update(created=timezone.now() - ago)


async def test_the_state_of_the_fleet_is_told(async_client, conversation, worker_row):
    await in_thread(queued, conversation, ago=timedelta(days=1, seconds=5))
    await in_thread(queues.enqueue, "batch", "conversations.tasks.answer", "x", "batch")
    found = await read(async_client)
    assert found["agentsite_open_turns", "batch", "queued"] == 1
    assert found["agentsite_waiting_turns", "batch"] == 1
    assert found["agentsite_oldest_turn_seconds", "batch"] == pytest.approx(86_405, abs=60)
    assert found["agentsite_queue_depth", "batch"] == 1
    assert found["agentsite_queue_oldest_seconds", "batch"] < 60
    assert found["agentsite_pool_workers", "default"] == 1
    assert found["agentsite_pool_drained", "default"] == 0
    assert found["agentsite_pool_slots", "default"] == 10
    assert found["agentsite_fleet_unknown", "queues"] == 0


async def test_how_long_ago_a_turn_was_completed_is_told_over_days(async_client, conversation):
    """And nothing where none ever was: AgentsiteStuck asks whether it is absent."""
    assert ("agentsite_since_success_seconds",) not in await read(async_client)
    then = timezone.now() - timedelta(days=2, seconds=5)
    ended = {"state": "completed", "finished": then, "hinted_at": then}
    await in_thread(lambda: queued(conversation, ago=timedelta(days=3), **ended))
    found = await read(async_client)
    assert found["agentsite_since_success_seconds",] == pytest.approx(172_805, abs=60)


async def test_what_waits_in_a_queue_that_the_settings_have_no_more_is_told(
    async_client, conversation
):
    await in_thread(lambda: queued(conversation, ago=timedelta(days=1), queue="gone"))
    found = await read(async_client)
    assert found["agentsite_waiting_turns", "gone"] == 1
    assert found["agentsite_oldest_turn_seconds", "gone"] > 86_000


async def test_of_a_pool_that_forks_nobody_tells_how_many_workers_it_has(async_client):
    """Its worker has no row while it waits: none would be an alarm (AgentsiteNoWorkers)."""
    found = await read(async_client)
    assert found["agentsite_pool_workers", "default"] == 0
    assert ("agentsite_pool_workers", "quarantine") not in found
    assert ("agentsite_queue_workers", "quarantine") not in found
    assert found["agentsite_pool_in_flight", "quarantine"] == 0


async def test_a_queue_has_the_workers_of_every_pool_that_serves_it(
    async_client, worker_row, settings
):
    """By queue, for a pool of no workers is an alarm only where something waits for it."""
    settings.POOLS = {
        "default": {"queues": ["interactive", "default"], "slots": 10},
        "spare": {"queues": ["default"], "slots": 10},
        "batch": {"queues": ["batch"], "slots": 10, "minimum": 0},
    }
    found = await read(async_client)
    served = {queue: found["agentsite_queue_workers", queue] for queue in ("default", "batch")}
    assert served == {"default": 1, "batch": 0}
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    (rule,) = [rule["expr"] for rule in rules if rule["alert"] == "AgentsiteNoWorkers"]
    assert re.findall(r"by \((\w+)\) \((\w+)\)", rule) == [
        ("queue", "agentsite_queue_workers"),
        ("queue", "agentsite_waiting_turns"),
    ]


async def test_without_redis_the_rest_is_told_and_what_is_unknown(async_client, monkeypatch):
    def refuse(*_):
        raise ConnectionError

    monkeypatch.setattr(queues, "depth", refuse)
    found = await read(async_client)
    assert found["agentsite_fleet_unknown", "queues"] == 1
    assert found["agentsite_fleet_unknown", "turns"] == 0
    assert ("agentsite_queue_depth", "default") not in found


async def test_a_postgresql_that_hangs_keeps_nobody_from_what_this_host_has_counted(
    async_client, monkeypatch
):
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK conversations_turn")
        with monkeypatch.context() as hurry:
            hurry.setattr(exposition, "LIMIT", 0.2)
            found = await read(async_client)
    assert {found["agentsite_fleet_unknown", source] for source in exposition.SOURCES} == {1}
    assert ("agentsite_open_turns", "default") not in found
    assert found["agentsite_log_lines_dropped_total", "stdout"] >= 0
    assert (await read(async_client))["agentsite_fleet_unknown", "turns"] == 0


async def test_rqs_racy_counters_are_never_called(async_client, monkeypatch):
    def count(*_):
        raise AssertionError("this cleans up, unguarded")

    monkeypatch.setattr(BaseRegistry, "count", property(count))
    monkeypatch.setattr(BaseRegistry, "cleanup", count)
    assert ("agentsite_queue_depth", "default") in await read(async_client)


@pytest.mark.parametrize("path", ["/admin/rq/metrics", "/admin/rq/metrics/"])
async def test_rqs_own_metrics_which_call_them_lead_to_the_page_operations(async_client, path):
    assert (await async_client.get(path)).url == reverse("operations")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
async def test_whoever_comes_through_a_front_door_sees_nothing(async_client, header):
    answer = await async_client.get("/metrics", headers={header: "127.0.0.1"})
    assert answer.status_code == 404


async def test_with_a_token_whoever_bears_it_may_read_from_anywhere(async_client, settings):
    settings.METRICS_TOKEN = "a-long-token"
    forwarded = {"X-Forwarded-For": "10.1.2.3"}
    right = {"Authorization": "Bearer a-long-token", **forwarded}
    wrong = {"Authorization": "Bearer another", **forwarded}
    assert (await async_client.get("/metrics", headers=right)).status_code == 200
    assert (await async_client.get("/metrics", headers=wrong)).status_code == 404
    assert (await async_client.get("/metrics")).status_code == 404


async def test_many_scrapes_at_a_time_are_one(async_client, monkeypatch):
    counted = []
    told = Shared(lambda: counted.append(1) or exposition.fleet(), fresh=60)
    monkeypatch.setattr(exposition, "FLEET", told)
    await asyncio.gather(*(async_client.get("/metrics") for _ in range(50)))
    assert len(counted) == 1


# --- What is drawn and watched ---------------------------------------------------------------------

DEPLOY = Path(__file__).parents[3] / "deploy"
NAME = re.compile(r"\bagentsite_\w+")


ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def known() -> set[str]:
    """Every name that a scrape may hold."""
    families = [*metrics.REGISTRY.collect(), *exposition.Fleet().describe()]
    return {family.name + ending for family in families for ending in ENDINGS[family.type]}


def expressions(told) -> list[str]:
    """Every `expr` at any depth."""
    if isinstance(told, list):
        return [found for one in told for found in expressions(one)]
    if not isinstance(told, dict):
        return []
    own = [told["expr"]] if "expr" in told else []
    return own + expressions(list(told.values()))


@pytest.mark.parametrize("file", ["grafana/agentsite.json", "prometheus/alerts.yml"])
def test_every_metric_that_is_drawn_or_watched_exists(file):
    asked = expressions(yaml.safe_load((DEPLOY / file).read_text()))
    named = set(NAME.findall(" ".join(asked)))
    assert len(named) > 10
    assert named <= known()
