"""The websocket `/v1/responses` as programs use it, the official SDK among them."""

import pytest
from openai.lib.responses_websocket import AsyncResponsesWebSocketSession, ResponsesWebSocketLimits
from websockets.asyncio.client import connect

from conversations.api import socket
from conversations.models import Turn
from conversations.showing import listening
from conversations.threads import in_thread
from tests.integration.api.programs import Program, address, connection, sdk

__all__ = ["address", "connection", "sdk"]
pytestmark = pytest.mark.usefixtures("crew")
LIMITS = ResponsesWebSocketLimits(
    max_lanes=40,
    max_events_per_lane=1000,
    max_events=5000,
    max_bytes_per_lane=2**20,
    max_bytes=2**24,
)


async def test_the_sdk_talks_on_lanes_and_goes_on_by_the_last_response(sdk):
    async with (
        sdk.responses.connect() as connection,
        AsyncResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        lane, other = session.lane("one"), session.lane("two")
        await other.send({"type": "response.create", "input": "[[stream deltas=20 rate=50]]"})
        await lane.send({"type": "response.create", "input": "[[echo]] first"})
        first = await lane.get_final_response()
        again = {"previous_response_id": first.id, "input": "[[chain]]"}
        await lane.send({"type": "response.create", **again})
        second = await lane.get_final_response()
        assert (await other.get_final_response()).status == "completed"
    assert first.output_text.strip() == "[[echo]] first"
    assert second.previous_response_id == first.id
    assert await in_thread(Turn.objects.values("conversation").distinct().count) == 2


async def test_events_are_whole_and_name_their_lane(connection):
    await connection.answer(stream_id="a.b-c_1")
    assert {frame["stream_id"] for frame in connection.frames} == {"a.b-c_1"}
    numbers = [frame["sequence_number"] for frame in connection.frames]
    assert numbers == list(range(len(numbers)))
    connection.frames.clear()
    await connection.answer()
    assert not any("stream_id" in frame for frame in connection.frames)


async def test_a_lane_answers_one_after_the_other(connection):
    for text in ("[[stream deltas=3 rate=20]]", "[[echo]] second"):
        await connection.create(text, stream_id="a")
    first, second = [await connection.until("response.completed") for _ in range(2)]
    ids = [frame["response_id"] for frame in connection.frames]
    assert ids == sorted(ids)
    assert ids[0] == first["response_id"] != second["response_id"]


async def test_lanes_do_not_wait_for_each_other(connection, provider):
    await connection.create("[[hold after=1]]", stream_id="slow")
    await connection.until("response.output_text.delta")
    await connection.create(stream_id="fast")
    assert (await connection.until("response.completed"))["stream_id"] == "fast"
    provider.release()
    assert (await connection.until("response.completed"))["stream_id"] == "slow"


async def test_what_waits_for_a_person_holds_up_nothing(connection, program, monkeypatch):
    monkeypatch.setattr(socket, "ACTIVE", 1)
    await connection.create("[[tools transfer]]")
    asking = (await connection.until("response.created"))["response_id"]
    for lane in ({}, {"stream_id": "a"}):
        assert (await connection.answer(**lane))["status"] == "completed"
    await allowed(program, asking)
    assert (await connection.until("response.completed"))["response_id"] == asking
    shown = [frame for frame in connection.frames if frame["response_id"] == asking]
    assert [frame["sequence_number"] for frame in shown] == list(range(len(shown)))
    assert not any("stream_id" in frame for frame in shown)


async def allowed(program, response_id):
    """A person lets the call be made that a response waits for."""
    asked = (await program.get(f"/v1/responses/{response_id}")).json()["agentsite_pending"]
    answer = {"call_id": asked["calls"][0]["call_id"], "approved": True}
    assert (await program.post(f"/v1/responses/{response_id}/answer", json=answer)).is_success


async def test_what_comes_behind_one_that_waits_holds_up_nothing_and_keeps_its_order(
    connection, program, monkeypatch
):
    monkeypatch.setattr(socket, "ACTIVE", 1)
    where = {"conversation": (await program.post("/v1/conversations", json={})).json()["id"]}
    responses = []
    for text in ("[[tools transfer]]", "[[stream]]", "[[echo]] last"):
        await connection.create(text, **where)
        responses.append((await connection.until("response.queued"))["response_id"])
    elsewhere = await connection.answer("[[stream]]")  # of another conversation, on the same lane
    await program.post(f"/v1/responses/{responses[1]}/cancel")
    gone = await connection.until("response.incomplete")
    assert gone["response_id"] == responses[1]
    await allowed(program, responses[0])
    ended = [await connection.until("response.completed") for _ in range(2)]
    assert [event["response_id"] for event in ended] == [responses[0], responses[2]]
    assert elsewhere["id"] not in responses


async def test_functions_are_answered_on_a_lane(connection):
    tools = [{"type": "function", "name": "forecast", "parameters": {"type": "object"}}]
    first = await connection.answer("[[tools forecast]]", tools=tools, stream_id="a")
    call = next(item for item in first["output"] if item["type"] == "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
    again = {"previous_response_id": first["id"], "tools": tools, "stream_id": "a"}
    assert (await connection.answer([output], **again))["status"] == "completed"
    said = [{"role": "user", "content": "[[tools forecast]]"}, *first["output"], output]
    told = await connection.answer(said, tools=tools, store=False, stream_id="a")
    assert told["output"][0]["type"] == "message"


async def test_a_repeated_key_shows_the_same_response_again(connection):
    first = await connection.answer("[[chain]]", idempotency_key="k")
    assert await connection.answer("[[chain]]", idempotency_key="k") == first
    await connection.create("[[stream]]", idempotency_key="k")
    assert (await connection.error())[:2] == (409, "idempotency_conflict")


async def test_a_response_outlives_its_connection(address, key, provider):
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(address, additional_headers=headers) as opened:
        left = Program(opened)
        await left.create("[[hold after=1]]")
        await left.until("response.output_text.delta")
    provider.release()
    turn = await in_thread(Turn.objects.select_related("conversation").get)
    assert (await listening.finished(turn))["status"] == "completed"
