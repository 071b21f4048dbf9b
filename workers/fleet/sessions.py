"""A worker's own direct connection to PostgreSQL; only `presence` uses it, from one thread.

While the connection is unbroken it holds an advisory lock whose key stands in the worker's row.
A free lock tells of a death only to a session that is unbroken since the lock was held: one
killed backend makes PostgreSQL restart all of them, which frees every lock at once.
"""

import os
import secrets
import select
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg.types.json import Jsonb

from workers.models import WorkerProcess
from workers.orders import Orders

GAPS = {"look": 0.01, "tidy": 0.5}  # seconds between two of the whole fleet
CONNECT_TIMEOUT = 5  # seconds

# Not through Django's pool: after an outage that is minutes late, while leases run out. What the
# session had before it broke goes in the same commit, so the process's name is never missing.
REGISTER = """
WITH former AS (DELETE FROM workers_workerprocess WHERE id = %(former)s)
INSERT INTO workers_workerprocess (
    id, lock, name, pool, host, pid, process_start, slots, in_flight, started, lease, fingerprints
) VALUES (
    %(id)s, %(lock)s, %(name)s, %(pool)s, %(host)s, %(pid)s, %(process_start)s, %(slots)s, 0,
    clock_timestamp(), clock_timestamp() + %(seconds)s * interval '1 second', %(fingerprints)s
)
"""
RENEW = """
UPDATE workers_workerprocess SET lease = clock_timestamp() + %s * interval '1 second', in_flight = %s
WHERE id = %s
"""
# Read with each renewal, in its round trip.
ORDERS = """
RETURNING
    EXISTS (SELECT FROM workers_drainrequest WHERE worker = workers_workerprocess.name),
    EXISTS (SELECT FROM workers_poolpause WHERE pool = workers_workerprocess.pool)
"""
# The clock first: who finds it fresh has nothing to add to what another has just seen. It is two
# sequences, in microseconds: a row that is written a hundred times a second would leave as many
# dead ones, which every look reads for as long as a transaction is open that may still see them.
# Where the clock stands ahead, as after a failover, nobody waits for it. Then rows
# before locks: a worker takes its lock before it writes its row, so a row without its lock has
# lost it; and where the row is younger than this session, it had the lock while the session
# lived. Locks are read, never tried: a try would hold it for a moment. And once, into a hash: the
# plan is kept, and a join that was planned for a small fleet would read all locks for each worker.
LOOK = """
WITH now AS MATERIALIZED (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us
), turn AS MATERIALIZED (
    SELECT setval('workers_looked', us), CASE
        WHEN (SELECT last_value FROM workers_tidied) BETWEEN us - %(tidy)s * 1000000 AND us
        THEN false ELSE setval('workers_tidied', us) = us END AS tidies
    FROM now
    WHERE (SELECT last_value FROM workers_looked) NOT BETWEEN us - %(look)s * 1000000 AND us
)
SELECT
    process.id,
    process.lease < clock_timestamp(),
    process.lock IS NOT NULL AND process.lock IN (
        SELECT held.classid::bigint << 32 | held.objid::bigint FROM pg_locks held
        WHERE held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted
            AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ),
    process.lock IS NOT NULL AND process.started > %(began)s,
    turn.tidies
FROM turn CROSS JOIN workers_workerprocess process
"""


def direct(**more: Any) -> psycopg.Connection:
    """A connection past Django's pool, for locks that last as long as it does."""
    return psycopg.connect(
        settings.DATABASE_DIRECT_URL,
        autocommit=True,
        prepare_threshold=None,  # a transaction pooler may stand between
        connect_timeout=CONNECT_TIMEOUT,
        tcp_user_timeout=settings.WORKER_LEASE * 1000,  # ms: an unplugged network is noticed
        **more,
    )


class PresenceLost(Exception):
    """The others hold this process for dead: its row is gone."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the workers' rows and locks found."""

    live: int  # rows that are not dead
    expired: tuple[UUID, ...] = ()  # the lease is over: frozen or unplugged
    freed: tuple[UUID, ...] = ()  # the lock that was held while this session lived is free: killed
    tidies: bool = field(default=False, compare=False)  # it is time to see what else was lost

    def __bool__(self) -> bool:
        return bool(self.expired or self.freed)


class Session:
    """One unbroken connection; every error of psycopg means that it is broken."""

    def __init__(self, *, again: bool = False) -> None:
        """`again`: after a loss, which may have been PostgreSQL's and everybody's.

        No lease could be renewed then, so for the time of one it blames nobody for that.
        """
        self._leases_count_at = monotonic() + (settings.WORKER_LEASE if again else 0)
        self._renewed = inf  # there is no lease yet that could run out
        # Nothing that is written here has to outlive PostgreSQL: who presides, registers anew.
        self._connection = direct(options="-c synchronous_commit=off")
        if settings.WORKER_PRESENCE_LOCKS:  # then no transaction pooler stands between
            self._connection.prepare_threshold = 0  # to plan a look costs more than to run it
        self._looked = False
        self._held: set[UUID] = set()  # who had the lock at some time since it began
        [(self._began,)] = self._connection.execute("SELECT clock_timestamp()").fetchall()
        self.lock = secrets.randbits(63) if settings.WORKER_PRESENCE_LOCKS else None
        if self.lock is not None:
            self._connection.execute("SELECT pg_advisory_lock(%s)", [self.lock])

    def close(self) -> None:
        self._connection.close()

    def wait(self, seconds: float, bell: int) -> bool:
        """Until then, or a byte in the pipe `bell`; True when the server has something to say.

        It says something unasked when it ends the session.
        """
        poll = select.poll()
        poll.register(bell, select.POLLIN)
        poll.register(self._connection.fileno(), select.POLLIN)
        ready = [number for number, _ in poll.poll(max(seconds, 0) * 1000)]
        if bell in ready:
            os.read(bell, 1024)
        return self._connection.fileno() in ready

    def register(self, row: WorkerProcess, *, former: UUID) -> Orders:
        """Enter this process with a fresh lease, instead of the row that it had before."""
        values = vars(row) | {
            "former": former,
            "seconds": settings.WORKER_LEASE,
            "fingerprints": Jsonb(row.fingerprints),
        }
        return self._orders(REGISTER + ORDERS, values)

    def renew(self, worker: UUID, in_flight: int) -> Orders:
        """Alive for another lease; raises PresenceLost when the row is gone."""
        return self._orders(RENEW + ORDERS, [settings.WORKER_LEASE, in_flight, worker])

    def _orders(self, statement: str, values: Any) -> Orders:
        row = self._connection.execute(statement, values).fetchone()
        if row is None:
            raise PresenceLost
        self._doubt()
        self._renewed = monotonic()
        return Orders(*row)

    def _doubt(self) -> None:
        """Who was late itself may not have been alone: it blames nobody for the time of a lease.

        A whole machine was paused, or PostgreSQL, and others wake up a moment later.
        """
        if monotonic() - self._renewed > settings.WORKER_LEASE:
            self._leases_count_at = monotonic() + settings.WORKER_LEASE

    def look(self) -> Look | None:
        """Who is dead; None when this is not its first look and somebody of the fleet has just looked."""
        # the first is never left to others: whose row is older can be seen alive by this one only
        gaps = GAPS if self._looked else GAPS | {"look": 0}
        found = self._connection.execute(LOOK, gaps | {"began": self._began}).fetchall()
        self._looked = True
        return self._judge(found) if found else None

    def _judge(self, found: Sequence[tuple[UUID, bool, bool, bool, bool]]) -> Look:
        self._doubt()
        leases_count = monotonic() >= self._leases_count_at
        expired = tuple(worker for worker, over, *_ in found if over and leases_count)
        holding = {worker for worker, _, holds, *_ in found if holds}
        younger = {worker for worker, _, _, began_later, _ in found if began_later}
        gone = (self._held | younger) - holding - set(expired)
        freed = tuple(worker for worker, *_ in found if worker in gone and self.lock is not None)
        self._held = holding | set(freed)
        live = len(found) - len(expired) - len(freed)
        return Look(live, expired, freed, tidies=found[0][-1])
