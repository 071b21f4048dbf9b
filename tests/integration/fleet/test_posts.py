"""One autoscaler decides for a pool at a time; the others stand by."""

from dataclasses import replace

from django.db import connection

from tests.integration.workers.conftest import direct  # noqa: F401 - a fixture
from tests.waiting import eventually
from workers.observing import metrics


def test_a_second_one_stands_by_until_the_first_is_gone(autoscaler, waiting):
    first, second = autoscaler(), autoscaler()
    waiting(15)
    assert first.look()
    assert second.look() == []
    assert autoscaler.launcher.adopted == ["default"]
    first.close(leave_running=True)
    assert second.look()
    assert autoscaler.launcher.adopted == ["default"] * 2


def test_who_loses_its_connection_loses_its_post(autoscaler, waiting):
    first, second = autoscaler(), autoscaler()
    waiting(0)
    first.look()
    end_posts()
    assert eventually(second.look)
    assert first.look() == []  # notices
    assert first.look() == []  # and stands by


def test_who_has_its_post_back_knows_what_another_has_decided_meanwhile(
    autoscaler, waiting, scaled
):
    patient = replace(scaled, scaling=replace(scaled.scaling, up_cooldown=1000))
    first, second = autoscaler(patient), autoscaler(patient)
    waiting(0)
    first.look()
    end_posts()
    waiting(15)
    assert eventually(second.look)[0].changes
    assert metrics.WORKERS_WANTED.labels("default")._value.get() == 2
    assert first.look() == []
    assert metrics.WORKERS_WANTED.labels("default")._value.get() == 0  # the other's counts
    second.close(leave_running=True)
    waiting(90)
    (decision,) = first.look()
    assert "may grow in" in decision.reason
    assert autoscaler.launcher.adopted == ["default"] * 3


def end_posts() -> None:
    """Whoever holds one loses its connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objsubid = 2"
        )


def test_without_a_way_past_a_pooler_no_lock_is_taken_and_every_post_is_held(
    autoscaler, waiting, settings
):
    settings.WORKER_PRESENCE_LOCKS = False
    first, second = autoscaler(), autoscaler()
    waiting(15)
    assert [one.look()[0].wanted for one in (first, second)] == [2, 2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")
        assert cursor.fetchone() == (0,)
