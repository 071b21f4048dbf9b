"""Tabs that do not read, messages that were dropped, and what a socket leaves behind."""

import pytest
from asgiref.sync import SyncToAsync
from channels.layers import get_channel_layer

from conversations.sockets import base
from conversations.sockets.layers import WAITING
from tests.waiting import GENEROUS

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_tab_that_fell_behind_the_queue_reads_the_log_again(
    tab, open_tab, claim, monkeypatch
):
    """More frames than the queue holds are published while the tab does not read."""
    monkeypatch.setattr(base, "SEND_TIMEOUT", GENEROUS)
    other = await open_tab()
    await other.subscribe()
    await tab.create()
    words = [f"{number} " for number in range(2 * WAITING)]
    async with claim() as run:
        await run.say("begin ")
        await tab.until_text("begin ")
        tab.gate.clear()
        await run.say(*words)
        tab.gate.set()
        await run.finish()
    for one in (tab, other):
        await one.until("response.completed")
    assert tab.text == "begin " + "".join(words)
    assert tab.raw_events == other.raw_events


async def test_a_tab_that_does_not_read_is_given_up_and_forgotten(tab, claim, monkeypatch):
    await tab.create()
    async with claim() as run:
        await run.say("begin ")
        await tab.until_text("begin ")
        monkeypatch.setattr(base, "SEND_TIMEOUT", 0.1)
        tab.gate.clear()
        await run.say("more", " and more")
        await tab.wait_until_dropped()
    assert_nothing_is_left()


async def test_a_tab_that_leaves_amid_a_stream_is_forgotten(open_tab, claim):
    """Channels forgets a socket only if no message waits for it at that moment."""
    tab = await open_tab()
    await tab.subscribe()
    await tab.create()
    async with claim() as run:
        await run.say("begin ")
        tab.gate.clear()
        await run.say(*"many words that wait")
        await tab.leave()
    assert_nothing_is_left()


def assert_nothing_is_left():
    layer = get_channel_layer()
    assert (layer.channels, layer.groups) == ({}, {})


@pytest.fixture
def hops(monkeypatch):
    """The functions that were called in a thread."""
    made, call = [], SyncToAsync.__call__

    async def counted(hop, *arguments, **options):
        made.append(hop.func)
        return await call(hop, *arguments, **options)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    return made


async def test_what_a_worker_says_goes_through_no_thread(unpolled, tab, claim, hops):
    """Channels' own dispatch hops through one that all sockets share, for each message."""
    await tab.create()
    async with claim() as run:
        await run.say("begin ")
        await tab.until_text("begin ")
        hops.clear()
        await run.say("and ", "on ")
        await tab.until_text("begin and on ")
        assert hops == []


async def test_fifty_tabs_share_their_connections_to_redis(open_tab, redis_client):
    async def opened():
        tab = await open_tab()
        await tab.subscribe()
        await tab.create("hello")

    await opened()
    before = redis_client.info("clients")["connected_clients"]
    for _ in range(49):
        await opened()
    assert redis_client.info("clients")["connected_clients"] <= before + 2
