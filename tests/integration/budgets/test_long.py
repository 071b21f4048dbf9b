"""A turn at message 10,000 does the work of one at message 10, and providers find what they cached."""

import pytest
from django.db import connection
from django.db import connections as databases

from conversations.threads import in_thread
from tests.integration.budgets.test_postgresql import lengthen
from tests.waiting import eventually

WINDOW, KEEP = 12, 4
ROWS = """
SELECT pg_stat_clear_snapshot()::text, sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))
FROM pg_stat_user_tables WHERE relname LIKE 'conversations_%'
"""


LEFT = "SELECT '', count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"


def rows_read() -> int:
    """That PostgreSQL has read of our tables so far; a backend tells when it ends."""
    connection.close()
    backends = [each.info.backend_pid for each in connection.pool._pool]
    connection.close_pool()
    eventually(lambda: number(LEFT, [backends]) == 0)
    return number(ROWS)


def number(statement: str, *parameters: list) -> int:
    """The second column of the only row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, *parameters)
        [_, found] = cursor.fetchone()
    return int(found)


@pytest.fixture(params=["database", "hybrid"])
def windowed(request, settings):
    """With the hot copy, and from rows alone."""
    settings.STORE_DEFAULT = request.param
    settings.AGENTS["demo"] |= {"window": WINDOW, "keep": KEEP}


@pytest.fixture
def indexed(sql):
    """As on large tables: of one that it knows to be small PostgreSQL reads every row."""
    options = databases.settings["default"]["OPTIONS"]
    before = options["options"]
    options["options"] = f"{before} -c enable_seqscan=off"
    connection.close()
    connection.close_pool()
    yield
    options["options"] = before


def analyze() -> None:
    """As autovacuum does, at a moment of its own: a plan made for other rows may read all of them."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_message, conversations_turn")


@pytest.fixture
def measured(turn, sql, indexed):
    """Rows read and bytes on the wire of one turn, the least of several."""

    async def measure() -> tuple[int, int]:
        await in_thread(analyze)
        found = []
        for _ in range(4):
            begun = await in_thread(rows_read)
            sql.clear()
            await turn()
            size = sql.bytes_sent + sql.bytes_got
            found.append((await in_thread(rows_read) - begun, size))
        return min(rows for rows, _ in found), min(size for _, size in found)

    return measure


@pytest.mark.usefixtures("windowed")
async def test_rows_and_bytes_stay_as_they_are(measured, turn, conversation):
    for _ in range(WINDOW):
        await turn()
    rows, size = await measured()
    await in_thread(lengthen, conversation)
    for _ in range(WINDOW):
        await turn()
    long_rows, long_size = await measured()
    print(f"rows {rows} then {long_rows}, bytes {size} then {long_size}")  # noqa: T201
    assert long_rows <= rows * 1.1
    assert long_size <= size * 1.1
