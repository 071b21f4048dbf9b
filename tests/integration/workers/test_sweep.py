import os
import threading

import psycopg
import pytest
from django.db import connection

from agentsite.settings.data import DATABASE_LIMITS
from tests.counting import counted
from tests.integration.workers.conftest import row
from tests.waiting import GENEROUS, eventually
from workers.fleet import sweep
from workers.fleet.sessions import Look
from workers.models import WorkerProcess

DEAD = "agentsite_workers_dead_total"


@pytest.fixture
def another(direct):
    """Another process's connection."""
    with psycopg.connect(direct.DATABASE_DIRECT_URL) as session:
        yield session


def test_the_dead_are_deleted_and_the_living_are_not(transactional_db):
    frozen, killed, alive = row(lease=-1, name="a"), row(name="b"), row(name="c")
    with counted(DEAD, reason="lease_over"), counted(DEAD, reason="lock_free"):
        buried = sweep.bury(Look(1, expired=(frozen.id,), freed=(killed.id,)))
    assert sorted(buried) == ["a", "b"]
    assert WorkerProcess.objects.get() == alive


def test_a_worker_that_renewed_since_the_look_is_not_buried(transactional_db):
    thawed = row(lease=60)
    assert sweep.bury(Look(1, expired=(thawed.id,))) == []
    assert WorkerProcess.objects.exists()


def test_a_worker_that_claims_a_turn_just_now_is_left_to_the_next_sweep(another):
    """The claim holds the row FOR KEY SHARE: deleting it meanwhile would lose the turn."""
    dead = row(lease=-1)
    another.execute("SELECT 1 FROM workers_workerprocess WHERE id = %s FOR KEY SHARE", [dead.id])
    assert sweep.bury(Look(0, expired=(dead.id,))) == []
    another.rollback()
    assert sweep.bury(Look(0, expired=(dead.id,))) == ["w"]


def test_a_claim_finds_no_row_while_its_worker_is_being_buried(another):
    """The other order: the burial comes first, the claim waits for it and then finds no row."""
    dead = row(lease=-1)
    another.execute(sweep.BURY, [sweep.BURY_LOCK, [], [dead.id]])
    found: list[object] = []

    def claim() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM workers_workerprocess WHERE id = %s FOR KEY SHARE", [dead.id]
            )
            found.append(cursor.fetchone())
        connection.close()

    thread = threading.Thread(target=claim)
    thread.start()
    another.commit()
    thread.join(GENEROUS)
    assert found == [None]


def test_a_renewal_is_not_held_up_by_a_claim(another, sessions):
    session = sessions()
    mine = row(session)
    another.execute("SELECT 1 FROM workers_workerprocess WHERE id = %s FOR KEY SHARE", [mine.id])
    session.renew(mine.id, 1)
    mine.refresh_from_db()
    assert mine.in_flight == 1


def test_one_buries_at_a_time(another):
    dead = row(lease=-1)
    another.execute("SELECT pg_advisory_xact_lock(%s)", [sweep.BURY_LOCK])
    assert sweep.bury(Look(0, expired=(dead.id,))) == []
    another.rollback()
    assert sweep.bury(Look(0, expired=(dead.id,))) == ["w"]


def test_a_sweeper_that_froze_holds_up_the_others_for_two_seconds_at_most(direct):
    """PostgreSQL itself ends a transaction in which nobody says anything."""
    dead = row(lease=-1)
    frozen = psycopg.connect(**connection.get_connection_params())
    frozen.execute("SELECT pg_advisory_xact_lock(%s)", [sweep.BURY_LOCK])
    frozen.execute("SELECT FROM workers_workerprocess FOR UPDATE")
    assert sweep.bury(Look(0, expired=(dead.id,))) == []
    limit = DATABASE_LIMITS.partition("-c idle_in_transaction_session_timeout=")[2]
    assert 0 < int(limit) <= 2000
    frozen.execute(f"SET idle_in_transaction_session_timeout = {limit}")  # its time begins now
    eventually(lambda: sweep.bury(Look(0, expired=(dead.id,))))
    frozen.close()


def test_a_look_of_long_ago_buries_nobody_who_registered_anew(transactional_db):
    """A sweeper that froze between look and burial: a new registration has a new id."""
    before = row(name="w")
    look = Look(0, expired=(before.id,), freed=(before.id,))
    before.delete()
    row(name="w")
    assert sweep.bury(look) == []
    assert WorkerProcess.objects.count() == 1


def test_a_sweep_without_a_finding_asks_the_database_nothing(
    direct, redis_client, django_assert_num_queries
):
    with django_assert_num_queries(0):
        sweep.sweep(Look(3), 7)
    assert redis_client.keys("test:sweeps:*")


def test_a_full_worker_still_finds_one_lost_hint(direct, redis_client):
    direct.WORKER_SWEEP = "tests.tasks.found"
    sweep.sweep(Look(3), 0)
    assert redis_client.get("test:found") == b"1"


def test_a_recovery_that_fails_does_not_end_the_sweeps(direct):
    direct.WORKER_SWEEP = "tests.tasks.nowhere"
    dead = row(lease=-1)
    sweep.sweep(Look(0, expired=(dead.id,)), 1)
    assert not WorkerProcess.objects.exists()


@pytest.mark.parametrize(("live", "pause"), [(1, 0.01), (3, 0.03), (5, 0.05), (100, 0.5)])
def test_the_more_workers_the_rarer_each_sweeps(direct, redis_client, monkeypatch, live, pause):
    monkeypatch.setattr(sweep, "monotonic", lambda: 1000.0)
    done = threading.Event()
    sweeper = sweep.Sweeper(lambda: 1, done=done.set)
    sweeper.offer(Look(live, tidies=True))
    assert done.wait(GENEROUS)
    assert pause * 0.5 <= sweeper.due - 1000 <= pause * 1.5
    sweeper.stop()


def test_workers_that_started_together_do_not_stay_together(direct, monkeypatch):
    monkeypatch.setattr(sweep, "monotonic", lambda: 1000.0)
    sweeper = sweep.Sweeper(lambda: 1, done=lambda: None)
    moments = set()
    for _ in range(20):
        sweeper.offer(None)  # another looks: draw anew
        moments.add(round(sweeper.due, 3))
    assert len(moments) > 5
    sweeper.stop()


def lingering(free_slots: int) -> None:
    """A recovery that lasts until the test lets it end."""
    may_end.wait(GENEROUS)


may_end = threading.Event()


def test_nobody_looks_during_a_sweep(direct):
    direct.WORKER_SWEEP = f"{__name__}.lingering"
    may_end.clear()
    sweeper = sweep.Sweeper(lambda: 1, done=lambda: None)
    sweeper.offer(Look(1, tidies=True))
    due = sweeper.due
    may_end.set()
    sweeper.stop()
    assert due == float("inf") > sweeper.due


def test_a_look_that_found_nobody_dead_sweeps_only_when_it_is_time_to_tidy(direct, redis_client):
    done = threading.Event()
    sweeper = sweep.Sweeper(lambda: 1, done=done.set)
    sweeper.offer(Look(3))
    assert sweeper.due < float("inf")
    sweeper.offer(Look(3, tidies=True))
    assert done.wait(GENEROUS)
    sweeper.stop()
    assert len(redis_client.keys("test:sweeps:*")) == 1


def test_a_lock_in_another_database_is_nobodys(sessions):
    victim, witness = sessions(), sessions()
    dead = row(victim)
    assert not witness.look()
    with psycopg.connect(os.environ["DATABASE_URL"]) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(%s)", [victim.lock])
        victim.close()
        assert eventually(witness.look).freed == (dead.id,)
