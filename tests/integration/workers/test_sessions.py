"""Who counts as dead: each rule of architecture.md section 5 by the interleaving it is for."""

import os
import socket
import time

import psycopg
import pytest
from django.db import connection

from tests.integration.workers.conftest import row, unsaved
from tests.waiting import GENEROUS, eventually
from workers.fleet.sessions import Look, PresenceLost, Session

pytestmark = pytest.mark.usefixtures("gaps")


def test_a_session_sees_at_once_who_is_alive_though_another_has_just_looked(sessions, gaps):
    """Who is killed a moment after a fleet has started is missed as soon as anybody else."""
    victim, early, witness = sessions(), sessions(), sessions()
    dead = row(victim)
    gaps["look"] = 60
    assert early.look() is not None
    assert not witness.look()
    end(victim)
    gaps["look"] = 0
    assert witness.look().freed == (dead.id,)


def locks_of(session: Session) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE classid = %s::bigint::oid"
            " AND objid = %s::bigint::oid AND locktype = 'advisory'",
            [session.lock >> 32, session.lock & 0xFFFFFFFF],
        )
        return cursor.fetchone()[0]


def locks_held_by(session: Session) -> int:
    """Whatever they are; those of sessions before it are freed at a moment of their own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s",
            [session._connection.info.backend_pid],
        )
        return cursor.fetchone()[0]


def end(session: Session) -> None:
    """As if its process was killed: its backend ends a moment later, and frees its lock."""
    session.close()
    eventually(lambda: locks_of(session) == 0)


def test_a_worker_whose_lock_was_seen_and_is_free_is_dead(sessions):
    victim, witness = sessions(), sessions()
    dead, alive = row(victim), row(witness)
    assert not witness.look()
    end(victim)
    look = witness.look()
    assert (look.freed, look.expired, look.live) == ((dead.id,), (), 1)
    assert alive.id not in look.freed


def test_a_worker_that_is_younger_than_its_witness_is_dead_though_nobody_saw_it_alive(sessions):
    """It took its lock before it wrote its row: the lock was held while the witness lived."""
    witness, victim = sessions(), sessions()
    dead = row(victim)
    end(victim)
    assert witness.look().freed == (dead.id,)


def test_a_free_lock_that_was_held_before_this_session_says_nothing(sessions):
    """A restart of PostgreSQL frees every lock while all workers live: then only leases count."""
    victim = sessions()
    row(victim)
    end(victim)
    newcomer = sessions()
    assert not newcomer.look()
    assert not newcomer.look()


def test_what_an_earlier_session_has_seen_does_not_count(sessions):
    victim, witness = sessions(), sessions()
    row(victim)
    assert not witness.look()
    end(witness)
    end(victim)
    assert not sessions().look()


def test_a_worker_whose_lease_is_over_is_dead_though_its_lock_is_held(sessions):
    """Frozen, or unplugged: its backend still holds the lock."""
    frozen, witness = sessions(), sessions()
    dead = row(frozen, lease=-1)
    look = witness.look()
    assert (look.expired, look.freed, look.live) == ((dead.id,), (), 0)


def test_after_an_outage_everybody_gets_a_lease_to_come_back(sessions, direct):
    """While PostgreSQL was away nobody could renew; to bury them would count as their crash."""
    direct.WORKER_LEASE = GENEROUS
    session = sessions(again=True)
    late = row(lease=-1)
    assert session.look() == Look(1)
    assert session._leases_count_at <= time.monotonic() + GENEROUS
    session._leases_count_at -= GENEROUS  # as time goes by
    assert session.look() == Look(0, expired=(late.id,))


def test_after_an_outage_a_lock_that_is_freed_still_counts(sessions, direct):
    direct.WORKER_LEASE = GENEROUS
    session, victim = sessions(again=True), sessions()
    dead = row(victim, lease=-1)
    assert session.look() == Look(1)
    victim.close()
    assert eventually(session.look) == Look(0, freed=(dead.id,))


@pytest.mark.parametrize("renews", [True, False])
def test_who_was_late_itself_gives_everybody_a_lease_to_wake_up(sessions, direct, renews):
    """A machine that was paused: the first that goes on finds every other lease over."""
    direct.WORKER_LEASE = GENEROUS
    session = sessions()
    own = unsaved()
    session.register(own, former=own.id)
    late = row(lease=-1)
    assert session.look() == Look(1, expired=(late.id,))
    session._renewed -= 2 * GENEROUS  # as time goes by
    if renews:
        session.renew(own.id, 0)
    assert session.look() == Look(2)
    session.renew(own.id, 0)
    session._leases_count_at -= GENEROUS  # as time goes by
    assert session.look() == Look(1, expired=(late.id,))


def test_a_freed_lock_stays_a_finding_until_the_row_is_gone(sessions):
    victim, witness = sessions(), sessions()
    dead = row(victim)
    witness.look()
    end(victim)
    assert witness.look().freed == (dead.id,)
    assert witness.look().freed == (dead.id,)
    dead.delete()
    assert not sessions().look()


def test_behind_a_transaction_pooler_only_leases_count(sessions, direct):
    direct.WORKER_PRESENCE_LOCKS = False
    victim, witness = sessions(), sessions()
    row(victim)
    over = row(lease=-1)
    witness.look()
    victim.close()
    look = witness.look()
    assert (look.freed, look.expired) == ((), (over.id,))


def test_behind_a_transaction_pooler_nobody_holds_a_lock_to_be_missed(sessions, direct):
    """Where some of a fleet are behind one, and others see locks."""
    witness = sessions()
    direct.WORKER_PRESENCE_LOCKS = False
    row(behind := sessions())
    assert [locks_held_by(each) for each in (witness, behind)] == [1, 0]
    assert not witness.look()


def test_looking_takes_nobodys_lock(sessions):
    victim, witness = sessions(), sessions()
    row(victim)
    end(victim)
    witness.look()
    assert locks_of(victim) == 0


def test_a_renewal_moves_the_lease_and_says_how_much_runs(sessions, direct):
    session = sessions()
    mine = row(session, lease=1)
    before = mine.lease
    session.renew(mine.id, 7)
    mine.refresh_from_db()
    assert (mine.lease - before).total_seconds() > direct.WORKER_LEASE - 2
    assert mine.in_flight == 7


def test_a_renewal_of_a_buried_worker_finds_out(sessions):
    session = sessions()
    mine = row(session)
    mine.delete()
    with pytest.raises(PresenceLost):
        session.renew(mine.id, 0)


def test_a_session_that_is_ended_says_so_at_once(sessions):
    session = sessions()
    bell, rope = os.pipe()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = %s::bigint::oid",
            [session.lock & 0xFFFFFFFF],
        )
    assert session.wait(GENEROUS, bell)
    with pytest.raises(psycopg.OperationalError):
        session.renew(row().id, 0)
    os.close(bell)
    os.close(rope)


def test_a_server_that_is_unplugged_is_given_up_within_a_lease(sessions, direct):
    with socket.socket(fileno=os.dup(sessions()._connection.fileno())) as line:
        unheard = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert unheard == direct.WORKER_LEASE * 1000


def test_the_bell_ends_a_wait(sessions):
    bell, rope = os.pipe()
    os.write(rope, b"!")
    before = time.monotonic()
    assert not sessions().wait(3 * GENEROUS, bell)
    assert time.monotonic() - before < GENEROUS
    os.close(bell)
    os.close(rope)
