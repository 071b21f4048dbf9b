"""Who lives and who does not, when PostgreSQL or a worker behaves oddly."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from tests.system.account import Account
from tests.system.databases import OwnDatabase
from tests.system.site import Site
from tests.system.tab import Response
from tests.system.test_faults import SLOW, begun, worker_of
from tests.system.test_quarantine import REPLIES
from tests.system.test_turns import ids, reply_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow

CRASHES = "SELECT sum(crashes) FROM conversations_turn WHERE id = ANY(%s)"
TURNS = 6


@contextmanager
def open_site(kind: type[Site]) -> Iterator[Site]:
    """Not in a folder of pytest's: a server that runs under another account cannot reach it."""
    with tempfile.TemporaryDirectory(prefix="agentsite-system-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        site = kind(folder)
        try:
            site.start_all()
            yield site
        finally:
            site.stop_all()


@pytest.fixture(scope="module")
def own() -> Iterator[OwnDatabase]:
    with open_site(OwnDatabase) as site:
        yield site


async def answered(site: Site, account: Account, breaks) -> list[tuple[str, Response]]:
    """Replies that were running when something broke."""
    async with AsyncExitStack() as stack:
        tabs = [account.tab(site.ports[n % 2], account.begin()) for n in range(TURNS)]
        for tab in tabs:
            await stack.enter_async_context(tab)
        asked = await asyncio.gather(*(tab.ask(SLOW) for tab in tabs))
        await asyncio.gather(*(begun(tab, one) for tab, one in zip(tabs, asked, strict=True)))
        breaks()  # not in a thread: what it starts would end with that
        seen = await asyncio.gather(*(tab.ended(one) for tab, one in zip(tabs, asked, strict=True)))
    return list(zip(asked, seen, strict=True))


def assert_whole(site: Site, replies: list[tuple[str, Response]], *, crashes: int = 0) -> None:
    """Each has one reply, which its tab saw as it is stored."""
    for response, seen in replies:
        assert seen.final == "response.completed"
        assert seen.text == reply_of(site, response)
        assert site.rows(REPLIES, *ids(response)) == [(1,)]
    asked = [response for response, _ in replies]
    assert site.rows(CRASHES, ids(*asked)) == [(crashes,)]


@pytest.mark.parametrize(
    "breaks",
    ["restart_postgresql", "kill_backend", "take_postgresql_away", "refuse_connections"],
)
async def test_a_crash_of_postgresql_is_no_death_of_a_worker(own: OwnDatabase, breaks):
    own.await_ready()
    account = Account(own.ports[0])
    replies = await answered(own, account, getattr(own, breaks))
    assert_whole(own, replies)
    assert "worker_dead" not in own.log("worker-1") + own.log("worker-2")


async def test_a_worker_that_froze_past_its_lease_comes_back_and_doubles_nothing(
    site: Site, account: Account
):
    async with account.tab(site.ports[0], account.begin()) as tab:
        response = await tab.ask("[[stream deltas=300 rate=30]]")
        await begun(tab, response)
        frozen = worker_of(site, response)
        site.processes[frozen].send_signal(signal.SIGSTOP)
        seen = await tab.ended(response)
        assert not lives(site, frozen)
        site.processes[frozen].send_signal(signal.SIGCONT)
        await asyncio.to_thread(eventually, lambda: lives(site, frozen))
        other = {"worker-1": "worker-2", "worker-2": "worker-1"}[frozen]
        site.kill(other)
        assert await tab.answer("are you there?")
    assert_whole(site, [(response, seen)], crashes=1)


async def test_workers_that_all_stood_still_bury_nobody(site: Site, account: Account):
    """As on a machine that was paused: every lease is over at once, and nobody has died."""
    replies = await answered(site, account, partial(stand_still, site))
    assert_whole(site, replies)


def stand_still(site: Site) -> None:
    """All workers, for longer than a lease; the second wakes up a moment after the first."""
    workers = [one for name, one in site.processes.items() if name.startswith("worker")]
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    time.sleep(settings.WORKER_LEASE + 1)  # time itself is the fault
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
        time.sleep(1)  # enough for the first to look at the others


def lives(site: Site, name: str) -> bool:
    statement = "SELECT FROM workers_workerprocess WHERE pid = %s AND lease > clock_timestamp()"
    return bool(site.rows(statement, site.processes[name].pid))
