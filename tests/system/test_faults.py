"""Processes die in the middle of a reply; people notice a pause at most."""

import asyncio
from typing import Any

import pytest

from tests.system.account import Account
from tests.system.site import Site
from tests.system.tab import Response, Tab
from tests.system.test_turns import ids, reply_of

pytestmark = pytest.mark.slow

SLOW = "[[stream deltas=90 rate=30]]"
HELD = "[[hold deltas=90 after=30]]"  # its worker is surely at it when it dies


async def begun(tab: Tab, response: str, *, attempt: int = 1) -> None:
    """Until some of the reply's text has been seen; of a later attempt, its own text."""
    await tab.until(lambda: spoken(tab.responses[response], attempt) > 20)


def spoken(seen: Response, attempt: int) -> int:
    """Characters of the item with which this attempt began; 0: nobody has heard of it."""
    begun = [event for event in seen.events if event["type"] == "response.output_item.added"]
    return len(seen.texts[begun[attempt - 1]["item"]["id"]]) if len(begun) >= attempt else 0


async def test_the_serving_replica_dies(site: Site, account: Account):
    async with account.tab(site.ports[0], account.begin()) as tab:
        response = await tab.ask(SLOW)
        await begun(tab, response)
        site.kill("replica-1")
        await tab.move(site.ports[1])
        seen = await tab.ended(response)
    assert seen.text == reply_of(site, response)
    assert seen.numbers == list(range(len(seen.numbers)))


async def test_the_worker_dies(site: Site, account: Account):
    async with account.tab(site.ports[0], account.begin()) as tab:
        response = await tab.ask(HELD)
        await begun(tab, response)
        site.kill(worker_of(site, response))
        await begun(tab, response, attempt=2)
        site.release()
        seen = await tab.ended(response)
    assert seen.final == "response.completed"
    assert seen.text == reply_of(site, response)
    assert statuses(seen) == ["incomplete", "completed"]
    assert seen.numbers == list(range(len(seen.numbers)))
    assert site.rows(
        "SELECT attempt, crashes FROM conversations_turn WHERE id = %s", *ids(response)
    ) == [(2, 1)]


async def test_redis_restarts_empty(site: Site, account: Account):
    async with account.tab(site.ports[0], account.begin()) as tab:
        response = await tab.ask(SLOW)
        await begun(tab, response)
        site.restart_redis()
        seen = await tab.ended(response)
        assert seen.text == reply_of(site, response)
        assert seen.numbers == list(range(len(seen.numbers)))
        assert await tab.answer("and on it goes")


async def test_a_replay_from_rows_equals_the_live_events(site: Site, account: Account):
    conversation = account.begin()
    async with account.tab(site.ports[0], conversation) as tab:
        live = await tab.ended(await tab.ask("[[tool name=nothing]]"))
        later = await tab.ended(await tab.ask(SLOW))
    site.restart_redis()
    replayed = account.tab(site.ports[1], conversation)
    await replayed.open(cursor={"response_id": live.events[0]["response_id"], "sequence_number": 0})
    await replayed.ended(later.events[0]["response_id"])
    await replayed.close()
    for shown in (live, later):
        again = replayed.responses[shown.events[0]["response_id"]]
        assert again.events == shown.events[len(shown.events) - len(again.events) :]
    assert len(again.events) == len(later.events)


async def test_both_tabs_survive_everything_at_once(site: Site, account: Account):
    conversation = account.begin()
    here, there = (account.tab(port, conversation) for port in site.ports)
    async with here, there:
        response = await here.ask(HELD)
        await begun(there, response)
        site.kill(worker_of(site, response))
        site.restart_redis()
        await begun(there, response, attempt=2)
        site.release()
        mine, theirs = await asyncio.gather(here.ended(response), there.ended(response))
    assert mine.text == theirs.text == reply_of(site, response)


def worker_of(site: Site, response: str) -> str:
    """The name of the process that runs a turn."""
    pid = pid_of(site, response)
    return next(name for name, process in site.processes.items() if process.pid == pid)


def pid_of(site: Site, response: str) -> int:
    statement = """
        SELECT pid FROM workers_workerprocess AS worker
        JOIN conversations_turn AS turn ON turn.worker = worker.id WHERE turn.id = %s
    """
    ((pid,),) = site.rows(statement, *ids(response))
    return pid


def statuses(seen: Response) -> list[Any]:
    """How each of the reply's items was closed."""
    done = [event for event in seen.events if event["type"] == "response.output_item.done"]
    return [event["item"]["status"] for event in done]
