"""The autoscaler on a real database and queue, with a launcher that only counts."""

import json
import sys
import threading
import urllib.request
from dataclasses import replace
from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from devtools.ports import free_port
from tests.counting import counted
from tests.integration.workers.conftest import direct  # noqa: F401 - a fixture
from tests.waiting import GENEROUS
from workers import orders, queues
from workers.autoscaler.control import Looks
from workers.autoscaler.memory import recall
from workers.models import PoolSample, ScalingDecision
from workers.observing import metrics

SCALED, POOL = "agentsite_scalings_total", {"pool": "default"}


def test_load_rises_and_falls_and_the_pool_follows(autoscaler, waiting):
    one, sizes = autoscaler(), []
    with counted(SCALED, direction="up", **POOL), counted(SCALED, direction="down", **POOL):
        for jobs in (0, 25, 25, 0, 0):
            waiting(jobs)
            one.look()
            sizes.append(autoscaler.launcher.sizes["default"])
    assert sizes == [1, 3, 3, 1, 1]
    made = ScalingDecision.objects.order_by("at").values_list("size", "wanted", "reason")
    assert list(made) == [(1, 3, "depth is 25, above 10"), (3, 1, "depth is 0, below 2")]


def test_a_decision_is_said_once_until_it_changes(autoscaler, waiting, caplog):
    one = autoscaler()
    waiting(15)
    for _ in range(3):
        one.look()
    said = [line.msg for line in caplog.records if line.name.endswith("control")]
    assert [line["reason"] for line in said] == [
        "depth is 15, above 10",
        "depth is 7.5, between 2 and 10",
    ]
    assert said[0]["event"] == "scaling_decided"
    assert (said[0]["size"], said[0]["wanted"]) == (1, 2)


def test_a_dry_run_says_and_does_nothing_else(autoscaler, waiting):
    autoscaler().look()  # holds the post
    autoscaler.launcher.tended.clear()
    waiting(15)
    metrics.WORKERS_WANTED.labels("default").set(1)
    (decision,) = autoscaler(dry_run=True).look()
    assert metrics.WORKERS_WANTED.labels("default")._value.get() == 1
    assert decision.wanted == 2
    assert autoscaler.launcher.sizes == {"default": 1}
    assert not autoscaler.launcher.tended
    assert not ScalingDecision.objects.exists()


def test_a_change_that_was_refused_is_tried_at_the_next_look(autoscaler, waiting, scaled):
    patient = replace(scaled, scaling=replace(scaled.scaling, up_cooldown=1000))
    one = autoscaler(patient)
    waiting(15)
    metrics.WORKERS_WANTED.labels("default").set(1)
    autoscaler.launcher.refusal = "409 Conflict"
    assert one.look() == []
    assert metrics.WORKERS_WANTED.labels("default")._value.get() == 2  # for AgentsiteNotScaled
    assert not ScalingDecision.objects.exists()
    autoscaler.launcher.refusal = ""
    assert one.look()[0].wanted == 2


def test_probes_and_prometheus_ask_it_while_it_runs(autoscaler, waiting, settings):
    settings.WORKER_HTTP_PORT = free_port()
    one, answers = autoscaler(), []

    def ask(pool):
        for path in ("livez", "readyz", "metrics"):
            url = f"http://127.0.0.1:{settings.WORKER_HTTP_PORT}/{path}"
            with urllib.request.urlopen(url) as answer:
                answers.append(answer.read().decode())
        if len(answers) == 6:
            one.stop()

    autoscaler.launcher.tend = ask
    waiting(15)
    one.run(seconds=0.01)
    assert [json.loads(answer)["status"] for answer in answers[:2]] == ["ok", "ok"]
    assert 'agentsite_workers_wanted{pool="default"} 2.0' in answers[5]


def test_a_signal_may_come_at_any_line(autoscaler, waiting):
    """Its handler runs in the midst of whatever the thread does, and waits for nobody."""
    one = autoscaler()
    waiting(0)

    def handler(frame, event, arg):
        one.stop()
        return handler

    def run() -> None:
        autoscaler.launcher.tend = lambda _: sys.settrace(handler)
        one.run(seconds=0.01)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(GENEROUS)
    assert not thread.is_alive()


def test_one_that_hangs_is_to_be_started_again():
    looks = Looks(last=1000, every=30)
    assert (looks.faults(1089), looks.faults(1091)) == ([], ["it has not looked for 91 s"])


def test_a_paused_pool_is_left_as_it_is(autoscaler, waiting):
    one = autoscaler()
    waiting(50)
    orders.pause("default", by="ada")
    assert one.look() == []
    orders.unpause("default", by="ada")
    assert one.look()[0].changes


def test_a_new_one_keeps_the_cooldowns_of_the_one_before(autoscaler, waiting, scaled):
    patient = replace(scaled, scaling=replace(scaled.scaling, up_cooldown=1000))
    first = autoscaler(patient)
    waiting(15)
    first.look()
    first.close(leave_running=True)
    waiting(90)
    (decision,) = autoscaler(patient).look()
    assert not decision.changes
    assert "may grow in" in decision.reason


def test_a_new_one_knows_from_the_samples_how_long_it_has_been_calm(
    autoscaler, waiting, scaled, django_user_model
):
    waiting(0)
    autoscaler.launcher.sizes = {"default": 3}
    resting = replace(scaled, scaling=replace(scaled.scaling, down_cooldown=6 * GENEROUS))
    (decision,) = autoscaler(resting).look()
    assert "may shrink in 720 s" in decision.reason
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workers_poolsample SET at = at - interval '400 seconds'")
    autoscaler.launcher.sizes = {"default": 3}
    (decision,) = autoscaler(resting).look() or autoscaler(resting, dry_run=True).look()
    assert "may shrink in 720 s" not in decision.reason
    assert PoolSample.objects.filter(pool="default").exists()


def test_no_sample_says_what_a_signal_of_somebody_else_would_have_said(waiting, scaled):
    foreign = replace(scaled, scaling=replace(scaled.scaling, signal="of.somebody.else"))
    told = {"waiting": 0, "oldest": 0, "workers": 1, "slots": 1, "in_flight": 0}
    PoolSample.objects.create(pool="default", at=Now() - timedelta(seconds=1), **told)
    for pool, is_calm in ((foreign, False), (scaled, True)):
        kept = replace(pool, scaling=replace(pool.scaling, down_cooldown=GENEROUS))
        assert (recall(kept, 1, now=0).calm_since is not None) == is_calm


def test_without_redis_nothing_is_decided(autoscaler, waiting, settings):
    one = autoscaler()
    waiting(15)
    queues.queue.cache_clear()
    settings.RQ_QUEUES = {"default": {"URL": "redis://127.0.0.1:1/0"}}
    assert one.look() == []
    assert autoscaler.launcher.sizes == {"default": 1}


def test_how_long_ago_the_last_change_was_is_said_by_postgresql(waiting, scaled):
    for name, ago in (("default", 1000), ("default", 5000), ("batch", 10)):
        then = Now() - timedelta(seconds=ago)
        ScalingDecision.objects.create(pool=name, size=1, wanted=2, load=0, at=then)
    assert -1000 - GENEROUS < recall(scaled, 2, now=0).changed <= -1000


def test_who_is_told_to_stop_ends_what_it_launched_unless_told_otherwise(autoscaler, waiting):
    waiting(0)
    for leave_running, closed in ((True, []), (False, ["default"])):
        one = autoscaler()
        one.look()
        one.close(leave_running=leave_running)
        assert autoscaler.launcher.closed == closed
