"""Functions of a program: it passes them, makes the calls, and sends what they returned."""

import asyncio

import pytest

from tests import specified
from tests.integration.api.events import events_of, read
from tests.integration.runner import agents
from tests.waiting import GENEROUS

pytestmark = pytest.mark.usefixtures("crew")

FORECAST = {
    "type": "function",
    "name": "forecast",
    "description": "What the weather will be in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}


async def ask(program, said, **body):
    body = {"input": said, "tools": [FORECAST], **body}
    answer = await program.post("/v1/responses", json=body)
    assert answer.status_code == 200, answer.text
    return specified.response(answer.json())


def outputs(response):
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    kind = "function_call_output"
    return [{"type": kind, "call_id": call["call_id"], "output": "sun"} for call in calls]


@pytest.mark.parametrize("way", ["previous_response_id", "conversation"])
async def test_a_round_trip_with_two_calls_at_once(program, provider, way):
    begun = (await program.post("/v1/conversations", json={})).json()
    where = {"conversation": begun["id"]} if way == "conversation" else {}
    first = await ask(program, "[[tools forecast forecast]]", **where)
    assert first["tools"] == [FORECAST]
    assert first["status"] == "completed"
    where = where or {"previous_response_id": first["id"]}
    second = await ask(program, outputs(first), **where)
    assert second["output"][-1]["type"] == "message"
    told = [m["content"] for m in provider.calls[-1]["body"]["messages"] if m["role"] == "tool"]
    assert told == ["sun", "sun"]


async def test_a_function_that_is_called_like_a_tool_of_the_agent_is_told_so(program, provider):
    response = await ask(program, "hello", tools=[{**FORECAST, "name": "look"}])
    assert response["status"] == "failed"
    assert response["error"]["code"] == "tool_name_taken"
    assert "Rename it" in response["error"]["message"]
    assert provider.calls == []


@pytest.mark.parametrize("said", ["[[stream]]", "[[tools transfer]]"])
async def test_a_server_of_tools_that_is_down_is_told_of(program, settings, redis_client, said):
    """One that no turn may reach: its network is not allowed."""
    settings.AGENTS["demo"] |= {"mcp": {"shop": {"url": "http://127.0.0.1:1/mcp"}}}
    response = await ask(program, said)
    assert response["agentsite_notices"] == ["The tools of shop are out of reach at the moment."]
    there = f"/v1/responses/{response['id']}"
    redis_client.delete(*redis_client.keys("agentsite:{*"))
    assert (await program.get(there)).json() == response


async def test_arguments_are_streamed(program):
    body = {"input": "[[tools forecast]]", "tools": [FORECAST], "stream": True}
    types = [event["type"] for event in await events_of(program, body)]
    assert "response.function_call_arguments.delta" in types
    assert types[-1] == "response.completed"


async def test_a_call_without_arguments_is_told_as_json_now_and_later(program, redis_client):
    body = {"input": "[[tools forecast arguments=]]", "tools": [FORECAST], "stream": True}
    events = await events_of(program, body)
    [done] = [e for e in events if e["type"] == "response.function_call_arguments.done"]
    [item] = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    response = events[-1]["response"]
    assert done["arguments"] == item["arguments"] == response["output"][0]["arguments"] == "{}"
    redis_client.delete(*redis_client.keys("agentsite:{*"))
    async with program.stream("GET", f"/v1/responses/{response['id']}?stream=true") as answer:
        assert [event async for event in read(answer)] == events


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": [{"type": "function_call_output", "call_id": "call_x", "output": "y"}]},
        {"input": "x", "tools": [{"type": "web_search"}]},
        {"input": "x", "tools": [FORECAST, FORECAST]},
        {"input": "x", "tools": [{**FORECAST, "name": "a b"}]},
        {"input": "x", "tool_choice": "required"},
        {"input": "x", "parallel_tool_calls": False},
        {"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}]},
    ],
)
async def test_what_cannot_be_done_is_refused(program, wrong):
    answer = await program.post("/v1/responses", json=wrong)
    assert answer.status_code == 400, answer.text


async def test_an_output_before_what_the_assistant_said_is_refused_by_its_place(program):
    first = await ask(program, "[[tools forecast]]")
    said = [{"role": "user", "content": "and?"}, *outputs(first)]
    said += [{"role": "assistant", "content": "sunny"}, {"role": "user", "content": "[[echo]] x"}]
    body = {"input": said, "tools": [FORECAST], "previous_response_id": first["id"]}
    refused = await program.post("/v1/responses", json=body)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, "invalid_value")
    assert error["param"] == "input[1]"


async def pending(program, response):
    """The calls that a response waits for, once it does."""
    async with asyncio.timeout(GENEROUS):
        while True:
            now = (await program.get(f"/v1/responses/{response['id']}")).json()
            if "agentsite_pending" in now:
                return now["agentsite_pending"]["calls"]
            await asyncio.sleep(0.05)


async def test_a_person_lets_a_call_be_made(program):
    response = await ask(program, "[[tools transfer]]", background=True)
    [call] = await pending(program, response)
    assert (call["name"], call["asks"]) == ("transfer", "approval")
    address = f"/v1/responses/{response['id']}"
    answer = {"call_id": call["call_id"], "approved": True}
    assert (await program.post(f"{address}/answer", json=answer)).status_code == 200
    refused = {**answer, "approved": False}
    told = await program.post(f"{address}/answer", json=refused)
    assert (told.status_code, told.json()["error"]["code"]) == (409, "already_answered")
    assert told.headers["x-should-retry"] == "false"
    async with program.stream("GET", f"{address}?stream=true") as events:
        assert [event async for event in read(events)][-1]["type"] == "response.completed"
    assert len(agents.effects) == 1


@pytest.mark.parametrize("store", [True, False])
async def test_who_waits_for_an_answer_hears_that_a_person_is_asked(program, store):
    response = await ask(program, "[[tools transfer]]", store=store, tools=[])
    assert (response["status"], response["output"][0]["status"]) == ("in_progress", "completed")
    [call] = response["agentsite_pending"]["calls"]
    address = f"/v1/responses/{response['id']}"
    async with program.stream("GET", f"{address}?stream=true") as events:
        answer = {"call_id": call["call_id"], "approved": False}
        assert (await program.post(f"{address}/answer", json=answer)).status_code == 200
        assert [event async for event in read(events)][-1]["type"] == "response.completed"


async def test_a_call_of_another_response_is_not_answered(program):
    response = await ask(program, "[[tools transfer]]", background=True)
    await pending(program, response)
    for call_id in ("call_x", f"call_{'0' * 32}_0"):
        answer = {"call_id": call_id, "approved": True}
        told = await program.post(f"/v1/responses/{response['id']}/answer", json=answer)
        assert told.status_code == 404
