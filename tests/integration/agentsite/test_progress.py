"""Whether the service gets on with its work, over days."""

from datetime import timedelta

import pytest
from django.conf import settings as site
from django.utils import timezone

from conversations.models import Turn
from conversations.threads import in_thread
from tests.integration.agentsite.probing import fresh, probed
from workers.observing import metrics

__all__ = ["fresh"]

pytestmark = pytest.mark.django_db(transaction=True)


def queued(conversation, *, ago, **fields):
    """A turn that was accepted so long ago."""
    turn = made(conversation, Turn.objects.count() + 1, **fields)
    turn.save()
    Turn.objects.filter(id=turn.id).update(created=timezone.now() - ago)


def made(conversation, number, **fields):
    about = {"conversation": conversation, "owner": conversation.owner, "number": number}
    hinted = {"hinted_at": timezone.now(), **fields}
    return Turn(**about, pool=site.QUEUES[0], input=[], **hinted)


def crowd(conversation, **fields):
    """More turns than anybody would look through."""
    first = Turn.objects.count() + 1
    Turn.objects.bulk_create(made(conversation, first + n, **fields) for n in range(2_000))


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
    assert "work has waited for 864" in lacking["work"]["problem"]
    assert (await probed(async_client, "/readyz"))[0] == 200  # no fault of this replica


async def test_a_backlog_gets_on_though_all_that_came_later_was_completed_long_ago(
    async_client, conversation
):
    """Batch work that was accepted in the morning, and what people asked until noon."""
    ended, noon = {"state": "completed"}, timezone.now() - timedelta(hours=1)
    waits = timedelta(hours=5)
    await in_thread(queued, conversation, ago=waits, finished=timezone.now(), **ended)
    await in_thread(crowd, conversation, finished=noon, **ended)
    await in_thread(queued, conversation, ago=waits)
    assert (await probed(async_client, "/healthz"))[0] == 200


async def test_what_was_entered_or_copied_is_no_success(async_client, conversation):
    """No worker had to live for that."""
    ended = {"state": "completed", "finished": timezone.now(), "hinted_at": None}
    await in_thread(queued, conversation, ago=timedelta(), **ended)
    await in_thread(queued, conversation, ago=timedelta(), attempt=1, **ended)
    await in_thread(queued, conversation, ago=timedelta(days=1, seconds=5))
    status, lacking = await probed(async_client, "/healthz")
    assert (status, list(lacking)) == (503, ["work"])


async def test_work_that_waits_is_not_counted_as_lacking_here(async_client, conversation):
    """Nobody but /healthz would ever see that it does not any more."""
    await in_thread(queued, conversation, ago=timedelta(days=1))
    assert (await probed(async_client, "/healthz"))[0] == 503
    counted = metrics.REGISTRY.get_sample_value
    assert counted("agentsite_not_ready", {"role": "replica", "part": "work"}) is None
    assert counted("agentsite_not_ready", {"role": "replica", "part": "postgresql"}) == 0


async def test_a_turn_behind_one_that_waits_for_a_person_does_not_wait_for_a_worker(
    async_client, conversation
):
    await in_thread(queued, conversation, ago=timedelta(days=2), state="waiting")
    await in_thread(queued, conversation, ago=timedelta(days=1))
    assert (await probed(async_client, "/healthz"))[0] == 200
