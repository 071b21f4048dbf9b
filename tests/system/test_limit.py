"""What people see when the provider permits less than they ask."""

import json
from itertools import pairwise

import pytest

from tests.system.account import Account
from tests.system.site import SCARCE, Site

pytestmark = pytest.mark.slow


async def test_people_at_two_workers_share_the_limit_and_see_that_they_wait(
    site: Site, account: Account
):
    other = Account(site.ports[1])
    here = account.tab(site.ports[0], account.begin("scarce"))
    there = other.tab(site.ports[1], other.begin("scarce"))
    async with here, there:
        asked = [(tab, await tab.ask("hello")) for tab in (here, there)]
        finals = [(await tab.ended(response)).final for tab, response in asked]
    assert finals == ["response.completed"] * 2
    waits = [frame for tab in (here, there) for frame in waited(tab)]
    assert waits[0]["reason"] == "provider_busy"
    assert 1 <= waits[0]["seconds"] <= 3
    assert waits[-1]["reason"] is None
    assert all(later - earlier > 2.9 for earlier, later in pairwise(asked_at(site)))


def waited(tab):
    return [frame for frame in tab.frames if frame["type"] == "agentsite:waiting"]


def asked_at(site):
    """When the provider was asked of the scarce model."""
    calls = map(json.loads, site.calls_file.read_text().splitlines())
    return [call["time"] for call in calls if f"compatible/{call['model']}" in SCARCE]
