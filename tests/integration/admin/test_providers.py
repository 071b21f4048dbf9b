"""What the page Operations tells of providers: budgets, pauses, circuits."""

import asyncio
import re

import pytest
from django.urls import reverse

from tests.integration.admin.conftest import text
from workers import ratelimit
from workers.ratelimit import Caller, Outcome
from workers.redis import connections

PAGE = reverse("operations")


async def ask(model: str, **came_of_it) -> None:
    """Use one request of a model's budget."""
    budget = ratelimit.admissions_to(model)
    grant = await budget.admit(50, caller=Caller(owner="ada"), patience=15)
    budget.settle(grant, **{"tokens": 100, **came_of_it})
    await budget._talk
    await connections.close()


def test_the_providers_budget_is_shown_where_there_is_one(viewer, settings, redis_client):
    assert "Requests a minute" not in text(viewer.get(PAGE))
    settings.PROVIDER_LIMITS = {"test/*": {"requests_per_minute": 60}}
    asyncio.run(ask("test/model"))
    assert "test/model open to all 1 of 60" in text(viewer.get(PAGE))


@pytest.mark.parametrize(
    ("came_of_it", "told"),
    [
        ({"pause": 3600}, r"paused for 3[56]\d\d s"),
        ({"outcome": Outcome.FAILED}, r"given up, probed in 3[56]\d\d s"),
    ],
)
def test_a_providers_pause_and_its_open_circuit_are_told(
    viewer, settings, redis_client, came_of_it, told
):
    settings.PROVIDER_LIMITS = {"test/*": {"failures": 1, "rest": 3600}}
    asyncio.run(ask("test/model", **came_of_it))
    assert re.search(f"test/model {told}", text(viewer.get(PAGE)))
