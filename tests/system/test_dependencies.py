"""What the site stands on is away for a while: nothing is lost, and it goes on by itself."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis

from tests.system.account import Account
from tests.system.site import Site
from tests.system.tab import Tab
from tests.system.test_drain import Roamer
from tests.system.test_faults import SLOW, begun
from tests.system.test_turns import ids, reply_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow

AWAY = 10  # seconds, longer than the patience of every client of Redis
EVERYTHING = ("conversations_message", "conversations_turn", "workers_workerprocess")
CRASHES = "SELECT sum(crashes) FROM conversations_turn WHERE id = ANY(%s::uuid[])"
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
def redis_disk_full(site: Site) -> Iterator[None]:
    """It cannot save, so it refuses writes; and saves again by itself as soon as there is room."""
    dump = site.redis.home / "dump.rdb"
    dump.mkdir()  # in the way
    with redis.Redis.from_url(site.redis.url) as client:
        client.bgsave()  # before it may begin to save by itself: it refuses a second at once
        client.config_set("save", "1 1")
        eventually(lambda: refuses(client))
        yield
        dump.rmdir()
        eventually(lambda: not refuses(client))
        client.config_set("save", "")
        eventually(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
    dump.unlink()  # else it is not empty after a later test's restart


def refuses(client: redis.Redis) -> bool:
    try:
        client.set("room", "yes", ex=60)
    except redis.ResponseError as error:
        return "MISCONF" in str(error)
    return False


@contextmanager
def disk_full(site: Site, *tables: str) -> Iterator[None]:
    """PostgreSQL cannot extend these tables, and says so in its own words.

    One table at a time: who locks several may wait for the site while that waits for them.
    """
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(NO_SPACE)
        try:
            for table in tables:
                connection.execute(FULL.format(table))
            yield
        finally:
            for table in tables:
                connection.execute(ROOM.format(table))
            connection.execute("DROP FUNCTION no_space")


FULL = "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {} EXECUTE FUNCTION no_space()"
ROOM = "DROP TRIGGER IF EXISTS full_disk ON {}"
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


@pytest.mark.parametrize("away", [redis_down, redis_hung, redis_disk_full])
async def test_redis_is_away_for_ten_seconds(site: Site, account: Account, away):
    async with account.tab(site.ports[0], account.begin()) as tab:
        running = await tab.ask(SLOW)
        await begun(tab, running)
        with away(site):
            queued = await tab.ask("and now?")
            await asyncio.sleep(AWAY)  # time itself is the fault
        await whole(site, tab, running, queued, await tab.ask("and then?"))


async def test_there_is_no_room_for_messages_for_a_while(site: Site, account: Account):
    tab = Roamer(account.tab(site.ports[0], account.begin()), site.ports)
    async with tab:
        await whole(site, tab, *await through(site, tab, "conversations_message"))


async def test_there_is_no_room_for_anything_for_a_while(site: Site, account: Account):
    """For longer than a lease: no worker can say that it lives, and none counts as crashed."""
    tab = Roamer(account.tab(site.ports[0], account.begin()), site.ports)
    async with tab:
        asked = await through(site, tab, *EVERYTHING)
        for response in asked:
            seen = await tab.ended(response)
            assert (seen.final, seen.text) == ("response.completed", reply_of(site, response))
    assert site.rows(CRASHES, [*ids(*asked)]) == [(0,)]


async def through(site: Site, tab: Roamer, *tables: str) -> list[str]:
    """What is asked before the disk is full, while it is, and when there is room again."""
    running = await tab.ask("[[stream deltas=30 rate=30]]")
    await begun(tab, running)
    with disk_full(site, *tables):
        queued = asyncio.create_task(tab.ask("and now?"))
        await asyncio.sleep(AWAY)  # time itself is the fault
    return [running, await queued, await tab.ask("and then?")]
