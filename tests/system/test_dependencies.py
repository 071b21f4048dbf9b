"""What the site stands on is away for a while: nothing is lost, and it goes on by itself."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.system.account import Account
from tests.system.site import Site
from tests.system.tab import Tab
from tests.system.test_drain import Roamer
from tests.system.test_faults import SLOW, begun
from tests.system.test_turns import ids, reply_of

pytestmark = pytest.mark.slow

AWAY = 10  # seconds, longer than the patience of every client of Redis
FULL = 3  # seconds
STORED = """
    SELECT count(*), count(*) FILTER (WHERE kind = 'response') FROM conversations_message
    WHERE turn_id = %s::uuid
"""


@contextmanager
def redis_down(site: Site) -> Iterator[None]:
    """Nobody listens; it is empty when it comes back."""
    site.kill("redis")
    yield
    site.start_again("redis")
    site.redis.await_ready(meanwhile=site.look)


@contextmanager
def redis_hung(site: Site) -> Iterator[None]:
    """Connections are accepted by the system, and nobody answers."""
    site.processes["redis"].send_signal(signal.SIGSTOP)
    yield
    site.processes["redis"].send_signal(signal.SIGCONT)


@contextmanager
def disk_full(site: Site, table: str) -> Iterator[None]:
    """PostgreSQL cannot extend a table, and says so in its own words."""
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(NO_SPACE)
        connection.execute(
            f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION no_space()"
        )
        yield
        connection.execute("DROP FUNCTION no_space CASCADE")


NO_SPACE = """
    CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END $$
"""


async def whole(site: Site, tab: Tab, *asked: str) -> None:
    """Each ends with one reply, which was seen as it is stored, without a crash."""
    for response in asked:
        seen = await tab.ended(response)
        assert seen.final == "response.completed"
        assert seen.text == reply_of(site, response)
        assert seen.numbers == list(range(len(seen.numbers)))
        assert site.rows(STORED, *ids(response)) == [(2, 1)]


@pytest.mark.parametrize("away", [redis_down, redis_hung])
async def test_redis_is_away_for_ten_seconds(site: Site, account: Account, away):
    async with account.tab(site.ports[0], account.begin()) as tab:
        running = await tab.ask(SLOW)
        await begun(tab, running)
        with away(site):
            queued = await tab.ask("and now?")
            await asyncio.sleep(AWAY)  # time itself is the fault
        await whole(site, tab, running, queued, await tab.ask("and then?"))


@pytest.mark.parametrize("table", ["conversations_message", "conversations_turn"])
async def test_a_disk_is_full_for_a_while(site: Site, account: Account, table):
    tab = Roamer(account.tab(site.ports[0], account.begin()), site.ports)
    async with tab:
        running = await tab.ask("[[stream deltas=30 rate=30]]")
        await begun(tab, running)
        with disk_full(site, table):
            queued = asyncio.create_task(tab.ask("and now?"))
            await asyncio.sleep(FULL)  # time itself is the fault
        await whole(site, tab, running, await queued, await tab.ask("and then?"))
