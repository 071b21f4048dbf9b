"""A turn that kills whoever runs it: nobody else is lost with it."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

import pytest

from tests.system.account import Account
from tests.system.site import Site
from tests.system.test_faults import HELD, SLOW, begun, pid_of
from tests.system.test_turns import ids, reply_of
from tests.waiting import eventually

pytestmark = pytest.mark.slow

STATES = "SELECT state, crashes, pool, error->>'code' FROM conversations_turn WHERE id = %s"
NUMBERS = """
    SELECT number FROM conversations_message WHERE conversation_id = %s::uuid ORDER BY number
"""
REPLIES = """
    SELECT count(*) FROM conversations_message
    WHERE turn_id = %s AND kind = 'response' AND NOT retracted
"""


async def test_a_poisonous_turn_ends_with_words_and_everybody_else_is_answered(
    site: Site, account: Account
):
    poisoned, others = account.begin("poison"), [account.begin() for _ in range(6)]
    async with site.supervised(), AsyncExitStack() as stack:
        tabs = [account.tab(site.ports[n % 2], one) for n, one in enumerate(others)]
        for tab in [victim := account.tab(site.ports[0], poisoned), *tabs]:
            await stack.enter_async_context(tab)
        asked = await asyncio.gather(*(tab.ask(SLOW) for tab in tabs))
        deadly = await victim.ask("deadly")
        then = await victim.ask("and then?")
        lost = await victim.ended(deadly)
        after = await victim.ended(then)
        seen = await asyncio.gather(*(tab.ended(one) for tab, one in zip(tabs, asked, strict=True)))
    assert site.rows(STATES, *ids(deadly)) == [("failed", 5, "quarantine", "worker_lost")]
    error = lost.events[-1]["response"]["error"]
    assert error == {"code": "worker_lost", "message": "Every worker that ran this turn was lost."}
    assert after.text == "So far so good."
    for response, one in zip(asked, seen, strict=True):
        assert one.final == "response.completed"
        assert one.text == reply_of(site, response)
        assert site.rows(REPLIES, *ids(response)) == [(1,)]
    for conversation in [poisoned, *others]:
        numbers = [row[0] for row in site.rows(NUMBERS, conversation)]
        assert numbers == list(range(len(numbers)))


async def test_a_child_that_is_killed_is_a_crash_and_its_turn_goes_on(site: Site, account: Account):
    async with account.tab(site.ports[0], account.begin("quarantined")) as tab:
        response = await tab.ask(HELD)
        await begun(tab, response)
        os.kill(pid_of(site, response), signal.SIGKILL)
        await begun(tab, response, attempt=2)
        site.release()
        seen = await tab.ended(response)
    assert seen.text == reply_of(site, response)
    assert site.rows(STATES, *ids(response)) == [("completed", 1, "quarantine", None)]
    assert site.rows(REPLIES, *ids(response)) == [(1,)]


async def test_a_parent_that_is_killed_alone_leaves_no_second_execution(
    site: Site, account: Account
):
    async with account.tab(site.ports[0], account.begin("quarantined")) as tab:
        response = await tab.ask(SLOW)
        await begun(tab, response)
        site.kill("quarantine")
        site.start_again("quarantine")
        seen = await tab.ended(response)
    assert seen.text == reply_of(site, response)
    assert site.rows(STATES, *ids(response)) == [("completed", 0, "quarantine", None)]
    assert site.rows(REPLIES, *ids(response)) == [(1,)]


async def test_a_parent_told_to_stop_lets_its_child_finish(site: Site, account: Account):
    async with account.tab(site.ports[0], account.begin("quarantined")) as tab:
        response = await tab.ask(HELD)
        await begun(tab, response)
        told = f"[PID {site.processes['quarantine'].pid}]: warm shut down requested"
        stopping = asyncio.create_task(asyncio.to_thread(site.kill, "quarantine", signal.SIGTERM))
        await asyncio.to_thread(eventually, lambda: told in site.log("quarantine"))
        site.release()
        await tab.ended(response)
        await stopping
    assert site.rows("SELECT attempt FROM conversations_turn WHERE id = %s", *ids(response)) == [
        (1,)
    ]
