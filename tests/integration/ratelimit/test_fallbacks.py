"""Several models: which is asked, and who stands in for one that is down or busy."""

import asyncio

import pytest
from pydantic_ai.exceptions import FallbackExceptionGroup

from devtools.ports import free_port
from tests.counting import counted
from tests.unit.agents.streaming import streamed
from workers import ratelimit
from workers.agents.failures import failure
from workers.ratelimit import Caller

pytestmark = pytest.mark.usefixtures("clients")
MODEL = "compatible/stream"


@pytest.fixture
def two(site):
    """A large model and a small one; which is asked is for each test to say."""
    site.AGENT_MODELS = {
        "large": {"model": "large", "cost": 10},
        "small": {"model": "stream", "cost": 1, "longest": 1_000},
    }
    return site


def models(provider):
    return [call["model"] for call in provider.calls]


async def test_a_model_that_fails_is_stood_in_for_by_the_next(agent, provider, two):
    two.AGENT_MODELS["large"]["model"] = down = "status?code=503"
    names = {"model": f"compatible/{down}", "to": MODEL}
    with counted("agentsite_fallbacks_total", **names):
        assert (await streamed(agent(), "hello")).output
    assert models(provider) == ["status?code=503", "stream"]


async def test_a_model_that_is_busy_is_stood_in_for_at_once(agent, provider, two):
    two.AGENT_MODELS["large"]["model"] = "stream?deltas=1"
    two.PROVIDER_LIMITS = {"compatible/stream?deltas=1": {"requests_per_minute": 1, "burst": 0}}
    speaker = agent()
    for _ in range(2):
        assert (await streamed(speaker, "hello")).output
    assert models(provider) == ["stream?deltas=1", "stream"]


async def thrice(speaker):
    for _ in range(3):
        assert (await streamed(speaker, "hello")).output


async def test_where_all_are_busy_the_last_one_is_waited_for(agent, provider, two):
    two.AGENT_MODELS["large"]["model"] = "stream?deltas=1"
    two.PROVIDER_LIMITS = {
        "compatible/stream?deltas=1": {"requests_per_minute": 1, "burst": 0},
        "compatible/stream": {"requests_per_minute": 60, "burst": 0},
    }
    speaker = agent()
    await thrice(speaker)
    assert models(provider) == ["stream?deltas=1", "stream", "stream"]
    two.PROVIDER_LIMITS["compatible/stream"] = {"requests_per_minute": 1, "patience": 5}
    with pytest.raises(FallbackExceptionGroup) as caught:
        await thrice(speaker)
    assert failure(caught.value).code == "provider_rate_limited"


async def test_a_model_that_is_down_is_asked_no_more(agent, provider, two):
    two.AGENT_MODELS["large"]["model"] = "status?code=503"
    two.PROVIDER_LIMITS = {"*": {"failures": 1, "rest": 60}}
    speaker = agent()
    for _ in range(3):
        assert (await streamed(speaker, "hello")).output
    assert models(provider) == ["status?code=503", "stream", "stream", "stream"]


async def test_two_servers_of_one_model_have_a_budget_and_a_circuit_each(agent, provider, site):
    gone = free_port()
    site.AGENT_BASE_URL = ""
    site.PROVIDER_LIMITS = {"compatible/stream": {"failures": 1, "rest": 60}}
    site.AGENT_MODELS = {
        "first": {"model": "stream", "base_url": f"http://127.0.0.1:{gone}/v1"},
        "second": {"model": "stream", "base_url": provider.url},
    }
    speaker = agent()
    for _ in range(2):
        assert (await streamed(speaker, "hello")).output
    circuits = {one.name: one.circuit for one in await asyncio.to_thread(ratelimit.state)}
    named = [f"127.0.0.1:{port}/stream" for port in (gone, provider.port)]
    assert circuits == dict(zip(named, ["open", "closed"], strict=True))


async def test_when_all_fail_the_last_ones_error_is_told(agent, two):
    two.AGENT_MODELS["large"]["model"] = "status?code=503"
    two.AGENT_MODELS["small"]["model"] = "status?code=400"
    with pytest.raises(FallbackExceptionGroup) as caught:
        await streamed(agent(), "hello")
    assert failure(caught.value).code == "context_too_long"


async def test_batch_work_goes_to_the_cheapest_and_long_prompts_to_who_has_room(
    agent, provider, two
):
    two.AGENT_MODELS["large"]["model"] = "stream?deltas=1"
    two.AGENT_ROUTES = {"batch": {"queues": ["batch"], "cheapest": True}}
    speaker = agent()
    with ratelimit.asking(Caller(queue="batch")):
        await streamed(speaker, "short")
        await streamed(speaker, "long " * 1_000)
    await streamed(speaker, "short")
    assert models(provider) == ["stream", "stream?deltas=1", "stream?deltas=1"]
