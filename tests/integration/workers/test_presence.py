import asyncio
import os
import threading
from collections.abc import Callable, Iterator

import pytest
from channels.db import database_sync_to_async
from django.db import connection

from tests.counting import counted
from tests.integration.workers.conftest import row
from tests.waiting import GENEROUS, eventually
from workers import identity, interrupts
from workers.fleet import presence
from workers.fleet.presence import Presence
from workers.models import WorkerProcess


class Witness:
    """Hears what a presence tells its process."""

    def __init__(self) -> None:
        self.ready, self.lost = threading.Semaphore(0), threading.Semaphore(0)

    def is_lost(self, done: threading.Event) -> None:
        done.set()
        self.lost.release()

    def hears_ready(self) -> bool:
        return self.ready.acquire(timeout=GENEROUS)

    def hears_lost(self) -> bool:
        return self.lost.acquire(timeout=GENEROUS)


@pytest.fixture(autouse=True)
def _lasting(direct, monkeypatch) -> None:
    """Who stalls for a while loses no lease, which is renewed four times a second."""
    direct.WORKER_LEASE = GENEROUS
    monkeypatch.setattr(presence, "RENEWALS", 4 * GENEROUS)


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def attend(direct, redis_client, witness) -> Iterator[Callable[..., Presence]]:
    attending: list[Presence] = []

    def attend(name: str = "w", **options) -> Presence:
        attending.append(
            Presence(
                "default",
                name=name,
                slots=3,
                on_ready=witness.ready.release,
                **{"on_lost": witness.is_lost} | options,
            )
        )
        attending[-1].start()
        return attending[-1]

    yield attend
    for one in attending:
        if one.is_alive():
            one.stop()


def test_a_presence_is_a_row_with_a_lock(attend, witness):
    present = attend()
    assert witness.hears_ready()
    mine = WorkerProcess.objects.get()
    me = identity.own()
    assert (mine.id, mine.name, mine.slots) == (present.id, "w", 3)
    assert (mine.host, mine.pid, mine.process_start) == (me.host, me.pid, me.process_start)
    assert held(mine.lock)


def held(lock: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])
        return not cursor.fetchone()[0]


def test_who_leaves_is_gone_at_once(attend, witness):
    present = attend()
    assert witness.hears_ready()
    lock = WorkerProcess.objects.get().lock
    present.stop()
    assert not WorkerProcess.objects.exists()
    eventually(lambda: not held(lock))


def test_the_lease_is_renewed_and_tells_what_runs(attend):
    renewed = threading.Semaphore(0)
    attend(in_flight=lambda: renewed.release() or 2)
    assert all(renewed.acquire(timeout=GENEROUS) for _ in range(8))
    eventually(WorkerProcess.objects.filter(in_flight=2).exists)


def test_who_was_buried_is_told_and_registers_anew_under_its_name(attend, witness):
    present = attend()
    assert witness.hears_ready()
    before = present.id
    with counted("agentsite_presence_lost_total"):
        WorkerProcess.objects.all().delete()
        assert witness.hears_lost()
        assert witness.hears_ready()
    eventually(lambda: [each.id for each in WorkerProcess.objects.all()] == [present.id])
    assert present.id != before
    eventually(lambda: presence.lives("w"))


def test_a_broken_session_leaves_no_second_row(attend, witness):
    present = attend()
    assert witness.hears_ready()
    before = present.id
    end_session()
    assert witness.hears_lost()
    assert witness.hears_ready()
    assert WorkerProcess.objects.get().id == present.id != before


def end_session() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = %s::bigint::oid",
            [WorkerProcess.objects.get().lock & 0xFFFFFFFF],
        )


def test_who_only_lost_its_connection_is_known_again_while_its_jobs_still_end(attend, witness):
    """Who sweeps meanwhile finds its name, so nothing counts as a crash."""
    interrupted: list[threading.Event] = []

    def on_lost(done: threading.Event) -> None:
        interrupted.append(done)
        witness.lost.release()

    present = attend(on_lost=on_lost)
    assert witness.hears_ready()
    before = present.id
    end_session()
    assert witness.hears_lost()
    eventually(lambda: WorkerProcess.objects.exclude(id=before).filter(name="w").exists())
    # A job that claimed under the new id before it was abandoned would be nobody's.
    assert present.id == before
    assert not witness.ready.acquire(blocking=False)
    interrupted[0].set()
    assert witness.hears_ready()
    assert WorkerProcess.objects.get().id == present.id != before


def test_it_waits_for_a_database_that_is_away(attend, witness, direct):
    there = direct.DATABASE_DIRECT_URL
    direct.DATABASE_DIRECT_URL = "host=127.0.0.1 port=1 user=nobody dbname=nowhere"
    present = attend()
    assert not present.wait(0.3)
    direct.DATABASE_DIRECT_URL = there
    assert witness.hears_ready()
    assert not witness.lost.acquire(blocking=False)


def test_a_living_worker_buries_a_killed_one(attend, witness, sessions, redis_client):
    attend()
    victim = sessions()
    dead = row(victim, name="victim")
    assert witness.hears_ready()
    looks_round(redis_client)
    victim.close()
    eventually(lambda: not WorkerProcess.objects.filter(id=dead.id).exists())
    assert presence.lives("w")
    assert not presence.lives("victim")


def looks_round(redis_client) -> None:
    """Wait until this process has looked at the others once from now on."""
    key = f"test:sweeps:{os.getpid()}"
    now = int(redis_client.get(key) or 0)
    eventually(lambda: int(redis_client.get(key) or 0) >= now + 2)


def test_a_stock_workers_child_opens_its_own(direct, redis_client, monkeypatch):
    monkeypatch.setenv("RQ_WORKER_ID", "stock")
    direct.POOLS = {"apart": {"queues": ["quarantine"], "slots": 1, "forking": True}}
    with presence.ensure("quarantine") as own:
        assert presence.current() is own
        mine = WorkerProcess.objects.get()
        assert (mine.id, mine.pool, mine.name) == (own.id, "apart", own.name)
        assert mine.name.startswith("stock-")
    assert presence.current() is None
    assert not WorkerProcess.objects.exists()


def test_a_worker_that_has_one_opens_no_second(attend, witness):
    present = attend()
    presence.set_current(present)
    try:
        with presence.ensure("default") as own:
            assert own is present
        assert present.is_alive()
    finally:
        presence.set_current(None)


async def test_a_child_that_is_buried_abandons_its_job(direct, redis_client):
    interrupt = interrupts.Interrupt()
    with pytest.raises(asyncio.CancelledError):
        await buried_child(interrupt)
    assert interrupt.reason is interrupts.Reason.ABANDONED


async def buried_child(interrupt: interrupts.Interrupt) -> None:
    with interrupt.armed(GENEROUS), presence.ensure("quarantine"):
        await database_sync_to_async(WorkerProcess.objects.all().delete)()
        await asyncio.Event().wait()


def test_a_fault_that_nobody_foresaw_does_not_end_it(attend, witness):
    faults = [ZeroDivisionError()]

    def count() -> int:
        if faults:
            raise faults.pop()
        return 0

    attend(in_flight=count)
    assert witness.hears_ready()
    assert witness.hears_lost()
    assert witness.hears_ready()
