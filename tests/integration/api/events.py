"""Server-sent events as a careful client reads them."""

import json

import pytest

from tests import specified


async def events_of(program, body, *, path="/v1/responses"):
    """Every event of a stream that begins with this request."""
    async with program.stream("POST", path, json=body) as answer:
        return [event async for event in read(answer)]


async def read(answer):
    """The events of a stream; checks its form and theirs."""
    assert answer.status_code == 200, await answer.aread()
    assert answer.headers["content-type"].startswith("text/event-stream")
    name = None
    async for line in answer.aiter_lines():
        assert not line.startswith("id:")
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif value == "[DONE]":
            return
        elif field == "data":
            event = json.loads(value)
            assert event["type"] == name
            if not name.startswith("agentsite:"):
                specified.event(event)
            yield event
    pytest.fail("The stream ended without [DONE].")
