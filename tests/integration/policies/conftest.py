"""A person's tabs on two replicas, and a crew of workers that answers with a real provider."""

import pytest
import pytest_asyncio
from channels.layers import channel_layers

from tests.integration.policies.crew import Crew
from tests.integration.runner.conftest import asked, patience, provider, talk
from tests.integration.sockets.conftest import browser, clients, open_tab, session

__all__ = ["asked", "browser", "clients", "open_tab", "patience", "provider", "session", "talk"]


@pytest_asyncio.fixture
async def crew(worker_row):
    async with Crew(worker_row) as crew:
        yield crew


@pytest_asyncio.fixture
async def here(open_tab):
    """A tab on one replica."""
    tab = await open_tab()
    await tab.subscribe()
    return tab


@pytest_asyncio.fixture
async def there(open_tab):
    """A tab on another replica: its channel layer has nothing in common with the first one."""
    layer = channel_layers.make_backend("default")
    usual = channel_layers.set("default", layer)
    try:
        tab = await open_tab()
    finally:
        channel_layers.set("default", usual)
    await tab.subscribe()
    yield tab
    await tab.leave()
    await layer.flush()


@pytest.fixture
def choose(browser, conversation):
    """Sets the conversation's own policy, as its owner does."""

    def chosen(policy):
        return browser.post(f"/conversations/{conversation.pk}/policy/", {"policy": policy})

    return chosen
