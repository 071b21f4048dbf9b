"""The roles that can be on a Redis Cluster, on one."""

import pytest
import pytest_asyncio
from django.core.cache import caches

from conversations.stores import hot
from workers.redis import connections


@pytest_asyncio.fixture(autouse=True)
async def clients(cluster):
    yield
    await connections.close()


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch):
    monkeypatch.setattr(hot, "_rests_until", 0.0)
    yield
    caches.close_all()
