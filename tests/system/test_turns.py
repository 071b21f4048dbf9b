"""The path of a turn through real processes."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from tests.system.account import Account
from tests.system.site import Site

pytestmark = pytest.mark.slow

SLOW = "[[stream deltas=60 rate=30]]"


async def test_a_conversation_goes_on_at_the_other_replica(site: Site, account: Account):
    conversation = account.begin()
    async with account.tab(site.ports[0], conversation) as tab:
        first = await tab.answer("first")
        await tab.move(site.ports[1])
        second = await tab.answer("second")
    # the provider's text is a hash over all that it was sent: it knew the first turn
    assert first != second
    assert messages_sent(site, "second") == 3


async def test_a_tab_on_the_other_replica_sees_the_same_text(site: Site, account: Account):
    conversation = account.begin()
    here = account.tab(site.ports[0], conversation)
    there = account.tab(site.ports[1], conversation)
    async with here, there:
        response = await here.ask(SLOW)
        mine, theirs = await asyncio.gather(here.ended(response), there.ended(response))
    assert mine.text == theirs.text == reply_of(site, response)
    assert mine.numbers == theirs.numbers == list(range(len(mine.numbers)))


async def test_ten_messages_at_once_get_ten_answers_and_cost_ten_calls(
    site: Site, account: Account
):
    conversation = account.begin()
    async with AsyncExitStack() as stack:
        tabs = [account.tab(site.ports[n % 2], conversation) for n in range(10)]
        for tab in tabs:
            await stack.enter_async_context(tab)
        asked = await asyncio.gather(*(tab.ask(f"ten-{n}") for n, tab in enumerate(tabs)))
        ended = await asyncio.gather(
            *(tab.ended(one) for tab, one in zip(tabs, asked, strict=True))
        )
    assert {one.final for one in ended} == {"response.completed"}
    assert len({one.text for one in ended}) == 10
    assert site.paid_calls("ten-") == 10


async def test_a_second_message_waits_for_the_first(site: Site, account: Account):
    async with account.tab(site.ports[0], account.begin()) as tab:
        first = await tab.ask(SLOW)
        second = await tab.ask("and then")
        await tab.ended(second)
    started = site.rows(
        "SELECT id FROM conversations_turn WHERE id = ANY(%s) ORDER BY finished", ids(first, second)
    )
    assert [row[0].hex for row in started] == [
        first.removeprefix("resp_"),
        second.removeprefix("resp_"),
    ]


async def test_two_hundred_conversations_at_once(site: Site):
    people = [Account(site.ports[n % 2]) for n in range(10)]
    tabs = [one.tab(site.ports[n % 2], one.begin()) for one in people for n in range(20)]
    async with AsyncExitStack() as stack:
        for tab in tabs:
            await stack.enter_async_context(tab)
        texts = await asyncio.gather(*(tab.answer(f"crowd-{n}") for n, tab in enumerate(tabs)))
    assert len(set(texts)) == 200
    assert site.paid_calls("crowd-") == 200


def ids(*responses: str) -> list[str]:
    return [response.removeprefix("resp_") for response in responses]


def reply_of(site: Site, response: str) -> str:
    """The text of a reply as PostgreSQL has it."""
    statement = "SELECT COALESCE(payload->'parts'->0->>'content', '') FROM conversations_message WHERE turn_id = %s AND kind = 'response' ORDER BY number"
    return "".join(row[0] for row in site.rows(statement, *ids(response)))


def messages_sent(site: Site, prompt: str) -> int:
    """How many messages the model was shown with this prompt."""
    calls = [json.loads(line) for line in site.calls_file.read_text().splitlines()]
    return next(call["messages"] for call in calls if call["prompt"] == prompt)
