"""What people see when the provider permits less than they ask."""

import asyncio
import json
import time

import pytest

from tests.system.account import Account
from tests.system.site import APART, SCARCE, Site

pytestmark = pytest.mark.slow


async def test_people_at_two_workers_share_the_limit_and_see_that_they_wait(
    site: Site, account: Account
):
    other = Account(site.ports[1])
    here = account.tab(site.ports[0], account.begin("scarce"))
    there = other.tab(site.ports[1], other.begin("scarce"))
    async with here, there:
        began = time.time()
        asked = await asyncio.gather(*(tab.ask("hello") for tab in (here, there)))
        await asyncio.gather(here.ended(asked[0]), there.ended(asked[1]))
    finals = [here.responses[asked[0]].final, there.responses[asked[1]].final]
    assert finals == ["response.completed"] * 2
    waits = [frame for tab in (here, there) for frame in waited(tab)]
    assert waits[0]["reason"] == "provider_busy"
    assert 1 <= waits[0]["seconds"] <= APART
    assert waits[-1]["reason"] is None
    # The first place was given after this, so the second is as much later, whatever came late.
    assert round(asked_at(site)[-1] - began, 1) >= APART


def waited(tab):
    return [frame for frame in tab.frames if frame["type"] == "agentsite:waiting"]


def asked_at(site):
    """When the provider was asked of the scarce model."""
    calls = map(json.loads, site.calls_file.read_text().splitlines())
    return [call["time"] for call in calls if f"compatible/{call['model']}" in SCARCE]
