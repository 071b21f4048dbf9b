"""Tabs of a person who is logged in, and a worker for their conversation."""

import pytest
import pytest_asyncio
from channels.layers import get_channel_layer
from django.test import Client

from conversations import consumers
from tests.integration.sockets.driven import claimed
from tests.integration.sockets.tabs import Tab
from workers.redis import connections


@pytest_asyncio.fixture(autouse=True)
async def clients(redis_client):
    yield
    await get_channel_layer().flush()
    await connections.close()


@pytest.fixture
def browser(owner):
    """Django's test client, logged in."""
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def session(browser):
    return browser.cookies["sessionid"].value


@pytest.fixture
def unpolled(monkeypatch):
    """Tabs that learn only what they are told."""
    monkeypatch.setattr(consumers, "POLL", 3600)


@pytest_asyncio.fixture
async def open_tab(conversation, session):
    """Opens tabs that are closed in the end."""
    tabs = []

    async def opened(**options):
        tab = Tab(conversation.pk, **{"session": session, **options})
        tabs.append(tab)
        return await tab.connect()

    yield opened
    for tab in tabs:
        await tab.leave()


@pytest_asyncio.fixture
async def tab(open_tab):
    """A tab that has subscribed."""
    tab = await open_tab()
    await tab.subscribe()
    return tab


@pytest.fixture
def claim(conversation, worker_row):
    """Claims the oldest queued turn."""
    return lambda: claimed(conversation, worker_row)
