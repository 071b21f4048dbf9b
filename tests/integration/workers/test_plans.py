"""What a look costs PostgreSQL: one plan, for a fleet of any size, and nothing to clear away."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.integration.workers.conftest import row
from workers.fleet.sessions import Session

SIZE = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname LIKE 'workers_%'"
KEPT = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%workers_looked%'"
pytestmark = pytest.mark.usefixtures("gaps")


def asked(session: Session, statement: str) -> list[Any]:
    """The first column of what the session's own connection says."""
    return [found for (found,) in session._connection.execute(statement, prepare=False)]


@pytest.mark.parametrize(("locks", "planned"), [(True, 1), (False, 0)])
def test_a_look_is_planned_once_unless_a_pooler_may_stand_between(sessions, direct, locks, planned):
    """PostgreSQL would need longer for the plan than for the look."""
    direct.WORKER_PRESENCE_LOCKS = locks
    session = sessions()
    session.look()
    session.look()
    assert len(asked(session, KEPT)) == planned


def test_a_look_that_was_planned_for_a_small_fleet_reads_the_locks_of_a_large_one_once(sessions):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workers_workerprocess")  # of none
    session = sessions()
    session._connection.execute("SET plan_cache_mode = force_generic_plan")  # as after some looks
    session.look()
    for _ in range(20):
        row(sessions())
    (name,) = asked(session, KEPT)
    ((plan,),) = asked(session, f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name}(0, 0, now())")
    assert list(readings_of_locks(plan["Plan"])) == [1]


def readings_of_locks(node: dict[str, Any]) -> Iterator[int]:
    """How often each part of a plan reads them."""
    if node.get("Function Name") == "pg_lock_status":
        yield node["Actual Loops"]
    for part in node.get("Plans", ()):
        yield from readings_of_locks(part)


def test_looks_leave_nothing_behind_while_an_old_transaction_is_open(sessions, site_environment):
    """A dump, perhaps: for hours nothing is cleared away that it could still see."""
    session = sessions()
    row(session)
    with psycopg.connect(site_environment["DATABASE_URL"]) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT FROM workers_workerprocess")
        before = asked(session, SIZE)
        for _ in range(500):
            session.look()
        assert asked(session, SIZE) == before
