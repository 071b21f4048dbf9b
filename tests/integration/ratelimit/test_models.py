"""Models that keep to the shared budget, on a provider that says no, fails, or is slow."""

import asyncio
from contextlib import ExitStack
from functools import partial

import pytest
import pytest_asyncio
from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup

from tests.counting import counted, value
from tests.provider import Provider
from tests.unit.agents.streaming import streamed
from tests.waiting import GENEROUS, eventually
from workers import ratelimit
from workers.agents import model
from workers.agents.failures import failure
from workers.ratelimit import Caller

pytestmark = pytest.mark.usefixtures("clients")
MODEL = "compatible/stream"


@pytest_asyncio.fixture
async def provider():
    async with Provider() as running:
        yield running


@pytest_asyncio.fixture(autouse=True)
async def site(settings, provider):
    """A site with this provider."""
    settings.AGENT_BASE_URL, settings.AGENT_MODEL = provider.url, "stream"
    settings.AGENT_TIMEOUT = GENEROUS
    settings.PROVIDER_LIMITS = {"*": {}}
    return settings


@pytest_asyncio.fixture
async def agent():
    """Makes agents of the settings' models."""
    made = []

    def make():
        made.append(model.from_settings())
        return Agent(made[-1])

    yield make
    for one in made:
        for speaker in getattr(one, "models", [one]):  # of one that chooses
            await speaker.client.close()


def models(provider):
    return [call["model"] for call in provider.calls]


async def test_a_reply_settles_what_the_provider_counted(agent, site, redis_client):
    site.PROVIDER_LIMITS = {"compatible/stream": {"tokens_per_minute": 60_000}}
    counts = {"input": 11, "output": 7}  # as the provider says
    with ExitStack() as stack:
        for kind, count in counts.items():
            tokens = {"by": count, "model": MODEL, "kind": kind}
            stack.enter_context(counted("agentsite_provider_tokens_total", **tokens))
        assert (await streamed(agent(), "hello")).output
    budget = ratelimit.admissions_to("compatible/stream")
    await budget._talk
    [seen] = await asyncio.to_thread(ratelimit.state)
    assert round(seen.tokens_used) == 18  # as the provider says
    for key in redis_client.keys("agentsite:*limit*"):
        assert redis_client.ttl(key) > 0


async def test_a_429_makes_everyone_pause_and_is_tried_again(agent, provider):
    provider.refuse(1, retry_after=1)
    asked = [streamed(agent(), f"hello {n}") for n in range(3)]
    with counted("agentsite_provider_retries_total", model=MODEL):
        replies = await asyncio.gather(*asked)
    assert all(reply.output for reply in replies)
    begins = sorted(call["time"] for call in provider.calls if call["paid"])
    assert min(begins[-1:]) - min(call["time"] for call in provider.calls) >= 1


async def test_a_429_that_asks_for_no_pause_is_not_tried_again_at_once(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"patience": 1.5}}
    provider.refuse(1_000, retry_after=0)
    with pytest.raises(AgentRunError):
        await streamed(agent(), "hello")
    assert len(provider.calls) <= 2


async def test_a_pause_beyond_patience_fails_with_the_time_that_is_left(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"patience": 2}}
    provider.refuse(9, retry_after=60)
    refused, paused = "agentsite_provider_refusals_total", "agentsite_provider_pauses_total"
    with (
        counted(refused, model=MODEL),
        counted(paused, model=MODEL),
        pytest.raises(AgentRunError),
    ):
        await streamed(agent(), "hello")
    with counted(refused, by=0, model=MODEL), pytest.raises(AgentRunError) as caught:
        await streamed(agent(), "hello again")
    assert failure(caught.value).code == "provider_rate_limited"
    assert 50 < failure(caught.value).retry_after <= 60
    assert len(provider.calls) == 1  # the second was not even sent


async def test_a_provider_that_fails_in_a_row_is_left_alone(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"failures": 2, "rest": 3600}}
    opened = partial(value, "agentsite_circuits_opened_total", model=MODEL)
    before = opened()
    await fails_twice(speaker := agent())
    await asyncio.to_thread(eventually, lambda: opened() == before + 1)
    with pytest.raises(AgentRunError) as caught:
        await streamed(speaker, "hello")
    assert failure(caught.value).code == "provider_error"
    assert len(provider.calls) == 2


async def fails_twice(speaker):
    for _ in range(2):
        with pytest.raises(AgentRunError):
            await streamed(speaker, "[[status code=500]]")


async def test_a_probe_that_is_answered_closes_the_circuit(agent, site):
    site.PROVIDER_LIMITS = {"*": {"failures": 2, "rest": 0.5}}
    await fails_twice(speaker := agent())
    assert (await streamed(speaker, "hello")).output
    assert (await asyncio.to_thread(ratelimit.state))[0].circuit == "closed"


@pytest.mark.parametrize("script", ["stall", "stall after=1", "cut after=0", "cut after=1"])
async def test_silence_and_lost_connections_open_the_circuit(agent, site, script):
    site.AGENT_TIMEOUT = 0.3
    site.PROVIDER_LIMITS = {"*": {"failures": 1, "rest": 60}}
    with pytest.raises(AgentRunError):
        await streamed(agent(), f"[[{script}]]")

    def circuits():
        return [budget.circuit for budget in ratelimit.state()]

    await asyncio.to_thread(eventually, lambda: circuits() == ["open"])


async def test_one_owner_is_not_held_up_by_the_many_requests_of_another(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"requests_per_minute": 600, "burst": 0}}
    speaker = agent()

    async def asked(owner):
        with ratelimit.asking(Caller(owner)):
            await streamed(speaker, owner)

    await asyncio.gather(*(asked("ada") for _ in range(8)), asked("bob"))
    assert [call["prompt"] for call in provider.calls].index("bob") <= 2


@pytest.fixture
def two(site):
    """A large model and a small one; which is asked is for each test to say."""
    site.AGENT_MODELS = {
        "large": {"model": "large", "cost": 10},
        "small": {"model": "stream", "cost": 1, "longest": 1_000},
    }
    return site


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
    async with Provider() as other:
        gone = other.url
    site.AGENT_BASE_URL = ""
    site.PROVIDER_LIMITS = {"compatible/stream": {"failures": 1, "rest": 60}}
    site.AGENT_MODELS = {
        "first": {"model": "stream", "base_url": gone},
        "second": {"model": "stream", "base_url": provider.url},
    }
    speaker = agent()
    for _ in range(2):
        assert (await streamed(speaker, "hello")).output
    circuits = {one.name: one.circuit for one in await asyncio.to_thread(ratelimit.state)}
    named = [f"127.0.0.1:{port}/stream" for port in (other.port, provider.port)]
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
