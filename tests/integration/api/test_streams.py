"""A stream that cannot go on as it began."""

import pytest

from tests.integration.api.events import read

pytestmark = pytest.mark.usefixtures("crew")
HELD = {"input": "[[hold after=1]]", "stream": True}


async def until_held(events):
    """The event with the only word that is said for now."""
    while (event := await anext(events))["type"] != "response.output_text.delta":
        pass
    return event


async def test_a_stream_goes_on_after_what_was_seen_though_its_log_is_lost(
    program, provider, redis_client
):
    async with program.stream("POST", "/v1/responses", json=HELD) as answer:
        seen = await until_held(read(answer))
    redis_client.delete(*redis_client.keys("agentsite:{*"))
    last = seen["sequence_number"]
    address = f"/v1/responses/{seen['response_id']}?stream=true&starting_after={last}"
    async with program.stream("GET", address) as answer:
        assert answer.status_code == 200, await answer.aread()
        provider.release()
        events = [event async for event in read(answer)]
    assert events[0]["sequence_number"] == last + 1
    assert events[-1]["type"] == "response.completed"
