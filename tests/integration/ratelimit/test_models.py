"""Models that keep to the shared budget, on a provider that says no, fails, or is slow."""

import asyncio
from contextlib import ExitStack, suppress
from functools import partial

import pytest
from pydantic_ai.exceptions import AgentRunError

from tests.counting import counted, value
from tests.unit.agents.streaming import streamed
from tests.waiting import GENEROUS, eventually
from workers import ratelimit
from workers.agents.failures import failure
from workers.ratelimit import Caller
from workers.ratelimit.script import keys as keys_of_limit

pytestmark = pytest.mark.usefixtures("clients")
MODEL = "compatible/stream"


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
    state = keys_of_limit("compatible/stream")[0]
    spent = redis_client.hmget(state, "spent", "spent_before")  # one minute may have ended
    assert sum(map(int, spent)) == 18  # as the provider says
    for key in redis_client.keys("agentsite:*limit*"):
        assert redis_client.ttl(key) > 0


SCRIPTS = {"ok": "hello", "failed": "[[status code=500]]", "timeout": "[[stall]]"}


@pytest.mark.parametrize("outcome", [*SCRIPTS, "refused", "cancelled"])
async def test_a_call_is_counted_by_its_outcome_and_timed_as_is_its_wait(
    agent, provider, site, outcome
):
    if outcome == "timeout":
        site.AGENT_TIMEOUT = 0.3
    if outcome == "refused":
        site.PROVIDER_LIMITS = {"*": {"patience": GENEROUS}}
        provider.refuse(1, retry_after=2 * GENEROUS)
    with ExitStack() as stack:
        for name in ("requests_total", "seconds_count", "wait_seconds_count"):
            labels = {"outcome": outcome} if name == "requests_total" else {}
            stack.enter_context(counted(f"agentsite_provider_{name}", model=MODEL, **labels))
        asked = asyncio.create_task(streamed(agent(), SCRIPTS.get(outcome, "[[hold after=1]]")))
        if outcome == "cancelled":
            await provider.wait_for_calls(1, within=GENEROUS)
            asked.cancel()
        with suppress(AgentRunError, asyncio.CancelledError):
            await asked


@pytest.mark.parametrize(
    ("script", "is_kept"), [("status code=500", False), ("stall", True), ("stall after=1", True)]
)
async def test_what_was_reserved_is_given_back_where_nothing_was_spent(
    agent, site, script, is_kept
):
    """And kept where nobody knows."""
    site.AGENT_TIMEOUT = 0.3
    site.PROVIDER_LIMITS = {MODEL: {"tokens_per_minute": 60_000}}
    with pytest.raises(AgentRunError):
        await streamed(agent(), f"[[{script}]]")
    await ratelimit.admissions_to(MODEL)._talk
    [seen] = await asyncio.to_thread(ratelimit.state)
    assert (seen.tokens_used > 0) == is_kept


async def test_a_429_makes_everyone_pause_and_is_tried_again(agent, provider):
    provider.refuse(1, retry_after=1)
    asked = [streamed(agent(), f"hello {n}") for n in range(3)]
    with counted("agentsite_provider_retries_total", model=MODEL):
        replies = await asyncio.gather(*asked)
    assert all(reply.output for reply in replies)
    paid = [call["time"] for call in provider.calls if call["paid"]]
    assert max(paid) - min(call["time"] for call in provider.calls) >= 1


async def test_a_429_that_asks_for_no_pause_is_not_tried_again_at_once(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"patience": 1.5}}
    provider.refuse(1_000, retry_after=0)
    with pytest.raises(AgentRunError):
        await streamed(agent(), "hello")
    assert len(provider.calls) <= 2


async def test_a_pause_beyond_patience_fails_with_the_time_that_is_left(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"patience": 2}}
    provider.refuse(9, retry_after=600)
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
    assert 600 - GENEROUS < failure(caught.value).retry_after <= 600
    assert len(provider.calls) == 1  # the second was not even sent


def circuits():
    return [budget.circuit for budget in ratelimit.state()]


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
    await asyncio.to_thread(eventually, lambda: circuits() == ["closed"])


async def test_the_first_word_to_a_probe_closes_the_circuit_though_its_reply_goes_on(
    agent, provider, site
):
    site.PROVIDER_LIMITS = {"*": {"failures": 2, "rest": 0.5}}
    await fails_twice(speaker := agent())
    probe = asyncio.create_task(streamed(speaker, "[[hold after=1]]"))
    closed = partial(eventually, lambda: ratelimit.state()[0].circuit == "closed")
    await asyncio.to_thread(closed)
    assert not probe.done()
    provider.release()
    assert (await probe).output


@pytest.mark.parametrize("script", ["stall", "stall after=1", "cut after=0", "cut after=1"])
async def test_silence_and_lost_connections_open_the_circuit(agent, site, script):
    site.AGENT_TIMEOUT = 0.3
    site.PROVIDER_LIMITS = {"*": {"failures": 1, "rest": 60}}
    with pytest.raises(AgentRunError):
        await streamed(agent(), f"[[{script}]]")
    await asyncio.to_thread(eventually, lambda: circuits() == ["open"])


async def test_one_owner_is_not_held_up_by_the_many_requests_of_another(agent, provider, site):
    site.PROVIDER_LIMITS = {"*": {"requests_per_minute": 600, "burst": 0}}
    speaker = agent()

    async def asked(owner):
        with ratelimit.asking(Caller(owner)):
            await streamed(speaker, owner)

    await asyncio.gather(*(asked("ada") for _ in range(8)), asked("bob"))
    assert [call["prompt"] for call in provider.calls].index("bob") <= 2
