"""What probes of a replica begin with."""

import json

import pytest

from agentsite import health
from tests.waiting import GENEROUS
from workers.health import needs
from workers.health.sharing import Shared


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each test has a replica that nobody has probed, and that waits for its answers."""
    monkeypatch.setattr(needs, "LIMIT", GENEROUS)
    health.examiner.cache_clear()
    monkeypatch.setattr(health, "EXAMINATION", Shared(health.examine, fresh=0))
    monkeypatch.setattr(health, "PROGRESS", Shared(health.count, fresh=0))
    monkeypatch.setattr(health, "_taken_out", False)
    yield
    health.examiner().close()
    health.examiner.cache_clear()


async def probed(client, path="/readyz"):
    """Status, and what is lacking."""
    answer = await client.get(path)
    parts = json.loads(answer.content)["parts"]
    return answer.status_code, {
        name: part for name, part in parts.items() if part["status"] != "ok"
    }
