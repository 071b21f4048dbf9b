"""Behind PgBouncer, which gives a connection to the server for one transaction only."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.system.account import Account
from tests.system.databases import LeaseOnly, Pooled
from tests.system.test_faults import HELD, begun, worker_of
from tests.system.test_presence import answered, assert_whole, open_site
from tests.system.test_turns import reply_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow

LIMITS = ["lock_timeout", "idle_in_transaction_session_timeout"]
ITERATE = """
from conversations.models import Turn
turns = Turn.objects.iterator(chunk_size=1)
print([next(turns).number, Turn.objects.count() > 1, next(turns).number])
"""


@pytest.fixture(scope="module", params=[Pooled, LeaseOnly])
def pooled(request) -> Iterator[Pooled]:
    with open_site(request.param) as site:
        yield site


@pytest.fixture
def ready(pooled: Pooled) -> Iterator[Pooled]:
    pooled.await_ready()
    yield pooled
    pooled.mend()


async def test_turns_are_answered_through_the_pooler(ready: Pooled):
    replies = await answered(ready, Account(ready.ports[0]), breaks=lambda: None)
    assert_whole(ready, replies)


async def test_a_killed_workers_turn_goes_on(ready: Pooled):
    account = Account(ready.ports[0])
    async with account.tab(ready.ports[0], account.begin()) as tab:
        response = await tab.ask(HELD)
        await begun(tab, response)
        ready.kill(worker_of(ready, response))
        await begun(tab, response, attempt=2)
        ready.release()
        seen = await tab.ended(response)
    assert seen.text == reply_of(ready, response)
    assert_whole(ready, [(response, seen)], crashes=1)


def test_presence_needs_the_direct_connection_for_its_lock(ready: Pooled):
    """One lock for each worker that has a way past the pooler, none without.

    Whoever buries has one more, for a moment.
    """
    workers = 0 if isinstance(ready, LeaseOnly) else 2
    statement = """
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    eventually(lambda: ready.rows(statement) == [(workers,)])


@pytest.mark.parametrize("limit", LIMITS)
def test_the_limits_hold_though_the_pooler_drops_the_option(ready: Pooled, limit):
    with psycopg.connect(ready.pooler.url, options="-c lock_timeout=9s") as connection:
        assert connection.execute(f"SHOW {limit}").fetchone() == ("2s",)


async def test_what_reads_in_pieces_reads_on_in_the_next_transaction(ready: Pooled):
    """A cursor of the server would be gone by then."""
    account = Account(ready.ports[0])
    for _ in range(2):
        async with account.tab(ready.ports[0], account.begin()) as tab:
            await tab.answer("one more")
    assert ready.manage("shell", "-v0", "-c", ITERATE) == "[0, True, 0]"
