"""A provider, an agent that asks it, and clients that are closed with their loop."""

from contextlib import ExitStack

import pytest
import pytest_asyncio

from conversations import emitter
from tests.integration.runner import agents
from tests.integration.runner.talking import Talk
from tests.provider import Provider
from tests.waiting import GENEROUS
from workers.agents import model
from workers.redis import connections


@pytest_asyncio.fixture
async def provider():
    async with Provider() as running:
        yield running


@pytest_asyncio.fixture(autouse=True)
async def clients(redis_client):
    yield
    await connections.close()


@pytest.fixture(autouse=True)
def lingers(monkeypatch):
    """The last frames of a turn wait for a Redis that stalls, but where a test takes it away."""
    monkeypatch.setattr(emitter, "LINGER", GENEROUS)
    return lambda seconds: monkeypatch.setattr(emitter, "LINGER", seconds)


@pytest.fixture
def patience():
    """Seconds that the agent waits for a provider that says nothing."""
    return GENEROUS


@pytest_asyncio.fixture(autouse=True)
async def asked(provider, settings, patience):
    """The agent of the conversations asks the provider."""
    settings.AGENT_TIMEOUT = patience
    settings.AGENTS = {
        "demo": {"agent": "tests.integration.runner.agents.agent", "tool_timeout": GENEROUS}
    }
    speaker = model.openai_compatible("stream", base_url=provider.url)
    agents.forget()
    with ExitStack() as speaking:
        for one in (agents.agent, agents.old, agents.shaped):
            speaking.enter_context(one.override(model=speaker))
        yield agents
    await speaker.client.close()


@pytest.fixture
def talk(conversation, worker_row) -> Talk:
    return Talk(conversation, worker_row)
