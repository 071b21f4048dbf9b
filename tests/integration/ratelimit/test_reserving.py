"""What a request is thought to take, for which others wait until it is known."""

import asyncio

import pytest
from pydantic_ai import FunctionToolset, Tool
from pydantic_ai.exceptions import AgentRunError

from tests.unit.agents.streaming import streamed

pytestmark = pytest.mark.usefixtures("clients")


def narrow(site):
    """Room for 400 tokens at once; who finds none is told of a longer wait, and refused at once."""
    site.PROVIDER_LIMITS = {"*": {"tokens_per_minute": 400, "burst": 60, "patience": 10}}


async def both_fit(speaker, provider, **options):
    """Whether two requests find a place before the first is answered."""
    first = asyncio.create_task(streamed(speaker, "[[hold after=1]]", **options))
    await provider.wait_for_calls(len(provider.calls) + 1)
    try:
        await streamed(speaker, "hello", **options)
    except AgentRunError:
        return False
    finally:
        provider.release()
        await first
    return True


BRIEF = {"model_settings": {"max_tokens": 50}}
LONG = FunctionToolset([Tool(lambda: "", name="look", description="x" * 1_200)])


@pytest.mark.parametrize(
    ("options", "fit"), [({}, False), (BRIEF, True), (BRIEF | {"toolsets": [LONG]}, False)]
)
async def test_a_place_has_room_for_the_longest_reply_and_for_what_tools_are_told_as(
    agent, provider, site, options, fit
):
    narrow(site)
    assert await both_fit(agent(), provider, **options) == fit


async def test_a_place_has_as_much_room_as_earlier_replies_took(agent, provider, site):
    speaker = agent()
    for _ in range(10):
        await streamed(speaker, "hello")
    narrow(site)
    assert await both_fit(speaker, provider)
