"""A program asks, and gets the answer whole, as events, or later."""

import openresponses_types as specification
import pytest

from tests.integration.api.events import events_of
from tests.unit.protocol.test_events import model_of

pytestmark = pytest.mark.usefixtures("crew")


async def test_a_program_gets_its_answer(program):
    answer = await program.post("/v1/responses", json={"model": "demo", "input": "[[echo]] hello"})
    response = answer.json()
    assert answer.status_code == 200, response
    specification.ResponseResource.model_validate(response)
    assert response["status"] == "completed"
    assert response["output"][0]["content"][0]["text"].strip() == "[[echo]] hello"


async def test_a_program_gets_its_answer_as_events(program):
    events = await events_of(program, {"input": "[[stream deltas=5]]", "stream": True})
    for event in events:
        model_of(event["type"]).model_validate(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.completed"
