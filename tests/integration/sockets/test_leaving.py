"""Whoever leaves while it still joins, for Redis takes its time, leaves nothing behind."""

import asyncio

import pytest
from channels.layers import get_channel_layer

from conversations.showing.ear import Ear
from conversations.sockets import base
from tests.waiting import GENEROUS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def joining(monkeypatch):
    """Set once somebody has joined a group; Redis does not say so."""
    layer, joined = get_channel_layer(), asyncio.Event()
    join = layer.group_add

    async def add(group, channel):
        await join(group, channel)
        joined.set()
        await asyncio.sleep(GENEROUS)

    monkeypatch.setattr(layer, "group_add", add, raising=False)
    return joined


def kept():
    layer = get_channel_layer()
    return set(layer.channels), set(layer.groups)


async def test_a_stream(conversation, joining):
    before = kept()
    listening = asyncio.create_task(Ear(conversation.pk).__aenter__())
    await joining.wait()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert kept() == before


async def test_a_tab(open_tab, joining, monkeypatch):
    monkeypatch.setattr(base, "LAYER_TIMEOUT", 0.05)
    before = kept()
    tab = await open_tab()
    assert await tab.closed() == base.INTERNAL_ERROR
    await tab.leave()
    assert kept() == before
