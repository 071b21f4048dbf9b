"""The page Operations: who sees it, what it shows, what it costs."""

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.admin.operations import fleet, outcomes
from conversations.models import Turn
from tests.integration.admin.conftest import entered, text
from tests.integration.admin.rows import crowd, person, turn_of
from tests.integration.workers.conftest import row
from workers import orders
from workers.models import PoolSample, ScalingDecision

PAGE = reverse("operations")


def sample(*, seconds_ago: float, **traits) -> PoolSample:
    told = {"waiting": 0, "oldest": 0, "workers": 1, "slots": 10, "in_flight": 0} | traits
    at = timezone.now() - timedelta(seconds=seconds_ago)
    return PoolSample.objects.create(**{"pool": "default", "at": at, **told})


def ago(*, minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def accepted_ago(turn: Turn, *, minutes: float, **times: datetime) -> None:
    Turn.objects.filter(pk=turn.pk).update(created=ago(minutes=minutes), **times)


def test_it_is_for_staff_only(db):
    assert Client().get(PAGE).url.startswith(reverse("admin:login"))
    assert entered(person("ben")).get(PAGE).url.startswith(reverse("admin:login"))
    assert entered(person("cay", is_staff=True)).get(PAGE).status_code == 403


def test_every_page_of_the_admin_leads_to_it_for_who_may_see_it(viewer):
    assert f'href="{PAGE}"' in viewer.get(reverse("admin:index")).content.decode()
    other = entered(person("cay", is_staff=True))
    assert f'href="{PAGE}"' not in other.get(reverse("admin:index")).content.decode()


def test_a_pool_is_shown_as_it_was_at_the_newest_sample(viewer):
    sample(seconds_ago=900, waiting=12, oldest=75)
    sample(seconds_ago=5, waiting=3, oldest=1.5, workers=2, slots=20, in_flight=7)
    said = text(viewer.get(PAGE))
    assert "Workers 2 Slots in use 7 of 20" in said
    assert "Waiting 3 at most 12" in said
    assert "Oldest waits 1.5 s at most 1 min 15 s" in said


def test_its_last_hour_is_drawn_and_described(viewer):
    for minutes in range(3):
        sample(seconds_ago=minutes * 15, waiting=minutes * 4)
    sample(seconds_ago=4000, waiting=99)
    page = viewer.get(PAGE).content.decode()
    assert 'aria-label="Waiting 0, in the last hour at most 8"' in page
    assert re.search(r'class="chart-line is-waiting" d="M[^"]* L[^"]* L', page)


def test_where_nobody_ever_sampled_no_number_is_told(viewer):
    page = viewer.get(PAGE).content.decode()
    assert 'aria-label="Waiting unknown"' in page
    assert "at most" not in page


def test_where_no_response_has_spoken_no_time_is_told(viewer):
    page = viewer.get(PAGE).content.decode()
    assert 'aria-label="To the first words none yet"' in page


def test_what_nobody_sampled_lately_is_not_told_as_if_it_were_now(viewer):
    sample(seconds_ago=120, waiting=3)
    said = text(viewer.get(PAGE))
    assert "unknown: nobody sampled for a minute" in said
    assert "Waiting unknown at most 3" in said


def test_each_worker_is_shown_in_its_state(viewer):
    row(name="w-live", in_flight=1)
    row(name="w-draining", in_flight=2)
    row(name="w-drained")
    row(name="w-stuck", lease=-7 * 3600, in_flight=3)
    for name in ("w-draining", "w-drained"):
        orders.drain(name, by="ada")
    said = text(viewer.get(PAGE))
    for name, state in (("live", "1"), ("draining", "2"), ("drained", "0"), ("stuck", "3")):
        assert f"w-{name} {name} default {state} of 10" in said
    assert "w-stuck stuck default 3 of 10 over since 7 h" in said
    assert said.index("w-stuck") < said.index("w-drained")


def test_of_very_many_workers_the_first_are_shown_and_a_link_to_all(viewer, monkeypatch):
    every = reverse("admin:workers_workerprocess_changelist")
    monkeypatch.setattr(fleet, "WORKERS", 2)
    for number in (1, 2):
        row(name=f"w-{number}")
    assert "All workers" not in text(viewer.get(PAGE))
    row(name="w-3")
    page = viewer.get(PAGE)
    assert f'<a href="{every}">All workers</a>' in page.content.decode()
    assert "w-2 live" in text(page)
    assert "w-3" not in text(page)


def test_the_first_words_of_the_last_hour_are_timed(viewer, conversation):
    created = ago(minutes=2)  # all of it in one stretch of the chart, which ends now
    for seconds in range(1, 101):
        first = created + timedelta(seconds=seconds / 10)
        turns = Turn.objects.filter(pk=turn_of(conversation).pk)
        turns.update(created=created, first_token=first)
    assert "To the first words 5.0 s for half, 9.5 s for 95 % at most 9.5 s" in text(
        viewer.get(PAGE)
    )


def test_the_first_words_that_came_in_the_last_hour_count_however_long_ago_it_was_asked(
    viewer, conversation
):
    for state, spoke in (("completed", 90), ("completed", 29.5), ("waiting", 9.5)):
        accepted_ago(turn_of(conversation, state), minutes=120, first_token=ago(minutes=spoke))
    said = text(viewer.get(PAGE))
    assert "To the first words 1 h 40 min for half, 1 h 49 min for 95 %" in said


def test_what_ended_in_the_last_hour_counts_however_long_ago_it_came(viewer, conversation):
    for minutes in (70, 50):
        accepted_ago(turn_of(conversation, "failed"), minutes=120, finished=ago(minutes=minutes))
    accepted_ago(turn_of(conversation, hinted_at=None), minutes=1)  # entered or copied
    for state in ("running", "queued", "queued"):
        accepted_ago(turn_of(conversation, state), minutes=120)
    said = text(viewer.get(PAGE))
    assert "Open now Queued 2 Running 1 Waiting 0" in said
    assert "last hour Completed 0 Failed 1 Cancelled 0" in said


def test_of_a_busy_hour_what_ended_last_is_read_and_that_there_was_more_is_told(
    viewer, conversation, monkeypatch
):
    monkeypatch.setattr(outcomes, "NEWEST", 2)
    accepted_ago(turn_of(conversation, "failed"), minutes=1, finished=ago(minutes=2))
    for _ in range(2):
        accepted_ago(turn_of(conversation), minutes=120)
    said = text(viewer.get(PAGE))
    assert "Completed 2 Failed 0" in said
    assert "These are the newest; there were more." in said


def test_failures_lead_to_the_turns_that_failed_so(viewer, owner, conversation, cost):
    crowd(owner)
    for code in ("provider_timeout", "tool_error", "provider_timeout"):
        last = turn_of(conversation, "failed", error={"code": code, "message": "m"})
    page = viewer.get(PAGE).content.decode()
    link = re.search(r'href="([^"]*code=provider_timeout)"><code>[^<]*</code></a> <strong>2<', page)
    with cost() as spent:
        listed = viewer.get(link[1])
    spent.assert_cheap()
    assert "turn_failed_by_code" in spent.plans()
    assert listed.context["cl"].result_list[0].pk == last.pk
    assert len(listed.context["cl"].result_list) == 2


def test_the_scaling_history_is_told(viewer):
    ScalingDecision.objects.create(
        pool="batch", size=1, wanted=4, load=9, reason="depth is 9, above 5", decided_by="a-1"
    )
    assert "batch 1 → 4 depth is 9, above 5 a-1" in text(viewer.get(PAGE))
    history = viewer.get(reverse("admin:workers_scalingdecision_changelist"))
    assert history.status_code == 403  # its own permission
    staff = person("dan", "view_scalingdecision", is_staff=True)
    address = reverse("admin:workers_scalingdecision_changelist")
    assert "depth is 9, above 5" in text(entered(staff).get(address))


def test_it_is_cheap_however_many_turns_there_are(viewer, owner, cost):
    crowd(owner, ended=ago(minutes=90))
    for number in range(50):
        row(name=f"w-{number}")
        sample(seconds_ago=number * 15)
    with cost() as spent:
        assert viewer.get(PAGE).status_code == 200
    assert len(spent) <= 12
    plans = spent.plans()
    assert plans.count("turn_ended_by_state") == 2
    assert "Seq Scan on conversations_turn" not in plans


def test_it_has_nothing_inline_that_the_policy_forbids(viewer, conversation):
    sample(seconds_ago=5)
    row()
    turn_of(conversation, "failed", error={"code": "tool_error", "message": "m"})
    page = viewer.get(PAGE, {"every": "15"})
    html = page.content.decode()
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", html)
    assert '<meta http-equiv="refresh" content="15">' in html


@pytest.mark.parametrize("every", ["", "1", "<b>"])
def test_it_loads_again_by_itself_only_where_that_is_asked_for(viewer, every):
    assert "http-equiv" not in viewer.get(PAGE, {"every": every}).content.decode()


@pytest.fixture
def away(settings) -> None:
    """Redis in the role cache."""
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    }


def test_it_is_shown_while_redis_is_away_and_says_what_is_not_known(viewer, settings, away):
    settings.PROVIDER_LIMITS = {"test/*": {"requests_per_minute": 60}}
    sample(seconds_ago=5, waiting=3)
    said = text(viewer.get(PAGE))
    assert "Waiting 3" in said
    assert "Provider Unknown: Redis in the role cache does not answer (ConnectionError)" in said


def test_where_nothing_is_limited_nothing_of_a_limit_is_unknown(viewer, away):
    assert "Provider" not in text(viewer.get(PAGE))
