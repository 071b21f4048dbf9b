"""The websocket `/v1/responses`, as the official SDK and as careless programs use it."""

import asyncio
import json
from contextlib import suppress

import openresponses_types as specification
import pytest
import pytest_asyncio
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from openai import AsyncOpenAI
from openai.lib.responses_websocket import AsyncResponsesWebSocketSession, ResponsesWebSocketLimits
from openai.types.responses import ResponseSteerAcceptedEvent, ResponseSteerFailedEvent
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agentsite.asgi import application
from conversations import keys, listening
from conversations.api import socket
from conversations.models import Message, Turn
from conversations.threads import in_thread
from tests.unit.protocol.test_events import model_of

pytestmark = pytest.mark.usefixtures("crew")
ENDS = {"response.completed", "response.incomplete", "response.failed"}
STEERED = {
    "response.steer.accepted": ResponseSteerAcceptedEvent,
    "response.steer.failed": ResponseSteerFailedEvent,
}
LIMITS = ResponsesWebSocketLimits(
    max_lanes=40,
    max_events_per_lane=1000,
    max_events=5000,
    max_bytes_per_lane=2**20,
    max_bytes=2**24,
)


class Program:
    """A connection whose every frame is validated."""

    def __init__(self, socket):
        self.socket = socket
        self.frames = []

    async def send(self, **frame):
        await self.send_text(json.dumps(frame))

    async def send_text(self, text):
        await self.socket.send(text)

    async def create(self, text="[[stream]]", **fields):
        await self.send(type="response.create", input=text, **fields)

    async def next(self):
        async with asyncio.timeout(30):
            frame = json.loads(await self.socket.recv())
        validate(frame)
        self.frames.append(frame)
        return frame

    async def until(self, *types):
        while (frame := await self.next())["type"] not in types:
            pass
        return frame

    async def answer(self, text="[[stream]]", **fields):
        await self.create(text, **fields)
        return (await self.until(*ENDS))["response"]

    async def error(self):
        frame = await self.until("error")
        return frame["status"], frame["error"]["code"], frame["error"]["param"]

    async def closed(self):
        with suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.socket.close_code


def validate(frame):
    """By the specification; by the SDK's own types where it has none."""
    if frame["type"] == "error":
        specification.WebSocketErrorEvent.model_validate(frame)
    elif frame["type"] in STEERED:
        STEERED[frame["type"]].model_validate(frame, strict=True)
    else:
        model_of(frame["type"]).model_validate(frame)


@pytest.fixture
def address(replica):
    return replica.replace("http", "ws") + "/v1/responses"


@pytest_asyncio.fixture
async def connection(address, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(address, additional_headers=headers, compression=None) as opened:
        yield Program(opened)


@pytest_asyncio.fixture
async def sdk(replica, key):
    async with AsyncOpenAI(api_key=key, base_url=f"{replica}/v1", max_retries=0) as client:
        yield client


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


@pytest.mark.parametrize("bound", [False, True])
async def test_steering_stops_a_response_and_goes_on_from_it(connection, conversation, bound):
    where = {"conversation": f"conv_{conversation.pk.hex}"} if bound else {}
    await connection.create("[[stall after=2]]", stream_id="a", **where)
    parent = (await connection.until("response.output_text.delta"))["response_id"]
    await connection.send(type="response.steer", previous_response_id=parent, input="[[chain]]")
    accepted = await connection.until("response.steer.accepted")
    assert accepted["steer"]["previous_response_id"] == parent
    assert accepted["stream_id"] == "a"
    stopped = (await connection.until("response.incomplete"))["response"]
    assert stopped["id"] == parent
    assert (stopped["status"], stopped["incomplete_details"]) == (
        "incomplete",
        {"reason": "steered"},
    )
    ended = (await connection.until("response.completed"))["response"]
    assert ended["previous_response_id"] == parent
    assert ended["conversation"] == stopped["conversation"]
    kept = Message.objects.filter(kind="request", retracted=False)
    assert await in_thread(kept.count) == 2  # what was asked, and what was steered to


async def test_steering_what_others_queued_leaves_it_its_place(connection, program, conversation):
    where = {"conversation": f"conv_{conversation.pk.hex}"}
    await connection.create("[[stall after=1]]", **where)
    parent = (await connection.until("response.output_text.delta"))["response_id"]
    body = {"input": "[[stream]]", "background": True, **where}
    queued = (await program.post("/v1/responses", json=body)).json()["id"]
    await connection.send(type="response.steer", previous_response_id=parent, input="[[stream]]")
    await connection.until("response.completed")
    states = Turn.objects.order_by("number").values_list("state", flat=True)
    assert await in_thread(list, states) == ["cancelled", "completed", "completed"]
    assert (await in_thread(Turn.objects.get, number=1)).pk.hex in queued


async def test_what_nobody_has_begun_is_answered_before_what_steers_it(
    connection, conversation, provider
):
    """And two inputs come one after the other."""
    where = {"conversation": f"conv_{conversation.pk.hex}"}
    await connection.create("[[hold after=1]]", stream_id="a", **where)
    await connection.until("response.output_text.delta")
    await connection.create("[[echo]] zero", stream_id="b", **where)
    parent = (await connection.until("response.queued"))["response_id"]
    for text in ("[[echo]] one", "[[echo]] two"):
        await connection.send(type="response.steer", previous_response_id=parent, input=text)
        await connection.until("response.steer.accepted")
    provider.release()
    ended = [(await connection.until("response.completed"))["response"] for _ in range(4)]
    texts = [response["output"][0]["content"][0]["text"].strip() for response in ended]
    assert texts[1:] == ["[[echo]] zero", "[[echo]] one", "[[echo]] two"]


async def test_functions_are_answered_on_a_lane(connection):
    tools = [{"type": "function", "name": "forecast", "parameters": {"type": "object"}}]
    first = await connection.answer("[[tools forecast]]", tools=tools, stream_id="a")
    call = next(item for item in first["output"] if item["type"] == "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
    again = {"previous_response_id": first["id"], "tools": tools, "stream_id": "a"}
    assert (await connection.answer([output], **again))["status"] == "completed"


async def steer_failed(connection, **fields):
    await connection.send(type="response.steer", **fields)
    failed = await connection.until("response.steer.failed")
    assert failed["steer"] == fields
    return failed["error"]["code"]


async def test_input_that_steers_nothing_is_given_back(connection):
    ended = (await connection.answer())["id"]
    fail = steer_failed
    assert await fail(connection, previous_response_id=ended, input="x") == (
        "response_already_completed"
    )
    for unknown in ("resp_", "x", f"resp_{0:032}", "\\"):
        code = await fail(connection, previous_response_id=unknown, input="x")
        assert code == "response_not_found"
    for bad in ("", []):
        assert await fail(connection, previous_response_id=ended, input=bad) == "invalid_input"


CREATE = {"type": "response.create", "input": "x"}
BAD = [
    ("{", 400, "invalid_json", None),
    ("[]", 400, "invalid_json", None),
    ('{"type": NaN}', 400, "invalid_json", None),
    ('{"type": "ping", "type": "ping"}', 400, "invalid_json", None),
    ('{"type": 1}', 400, "unknown_type", "type"),
    ('{"type": ["response.create"]}', 400, "unknown_type", "type"),
    ("{}", 400, "missing_field", "type"),
    ('{"type": "response.create"}', 400, "missing_field", "input"),
    (json.dumps(CREATE | {"input": 5}), 400, "invalid_value", "input"),
    (json.dumps(CREATE | {"input": ""}), 400, "invalid_value", "input"),
    (json.dumps(CREATE | {"input": "\0"}), 400, "invalid_value", None),
    ('{"type": "response.create", "input": "\\ud800"}', 400, "invalid_value", None),
    (json.dumps(CREATE | {"stream": True}), 400, "unsupported_parameter", "stream"),
    (json.dumps(CREATE | {"background": True}), 400, "unsupported_parameter", "background"),
    (json.dumps(CREATE | {"generate": False}), 400, "invalid_value", "generate"),
    (json.dumps(CREATE | {"owner": 1}), 400, "unsupported_parameter", "owner"),
    (json.dumps(CREATE | {"version": 1}), 400, "unsupported_parameter", "version"),
    (json.dumps(CREATE | {"stream_id": ""}), 400, "invalid_stream_id", "stream_id"),
    (json.dumps(CREATE | {"stream_id": "a b"}), 400, "invalid_stream_id", "stream_id"),
    (json.dumps(CREATE | {"stream_id": "a\n"}), 400, "invalid_stream_id", "stream_id"),
    (json.dumps(CREATE | {"stream_id": "a" * 257}), 400, "invalid_stream_id", "stream_id"),
    (json.dumps(CREATE | {"stream_id": 7}), 400, "invalid_stream_id", "stream_id"),
    (json.dumps(CREATE | {"conversation": f"conv_{0:032}"}), 404, "not_found", None),
    (
        json.dumps(CREATE | {"previous_response_id": f"resp_{0:032}"}),
        400,
        "previous_response_not_found",
        "previous_response_id",
    ),
    ('{"type": "response.steer"}', 400, "missing_field", "previous_response_id"),
    ('{"type": "response.steer", "previous_response_id": 1, "input": "x"}', 400, "invalid_value",
     "previous_response_id"),
]  # fmt: skip


async def test_a_bad_frame_is_answered_and_the_connection_goes_on(connection, monkeypatch):
    monkeypatch.setattr("conversations.floods.BURST", 1000)
    for text, *expected in BAD:
        await connection.send_text(text)
        assert await connection.error() == tuple(expected), text
    await connection.socket.send(b'{"type": "response.create", "input": "x"}')
    assert await connection.error() == (400, "invalid_frame", None)
    assert (await connection.answer())["status"] == "completed"


async def test_an_error_of_a_lane_names_it_and_the_lane_goes_on(connection):
    await connection.create("", stream_id="a")
    assert (await connection.until("error"))["stream_id"] == "a"
    await connection.create(stream_id="a", previous_response_id=f"resp_{0:032}")
    assert (await connection.until("error"))["stream_id"] == "a"
    assert (await connection.answer(stream_id="a"))["status"] == "completed"


async def test_a_connection_names_so_many_lanes(connection, monkeypatch):
    monkeypatch.setattr(socket, "NAMED", 2)
    for name in ("a", "b", "a", None):
        await connection.answer(**({"stream_id": name} if name else {}))
    await connection.create(stream_id="c")
    assert await connection.error() == (400, "websocket_stream_limit_reached", "stream_id")


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


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer ags_wrong"}, {"Authorization": "Basic x"}]
)
async def test_who_has_no_key_is_refused_by_the_handshake(address, headers):
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers=headers)
    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body)["error"]["type"] == "authentication_error"


async def test_a_key_that_may_only_read_is_refused(address, owner):
    _, secret = await in_thread(keys.make, owner.pk, name="reads", scopes=["read"])
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers={"Authorization": f"Bearer {secret}"})
    assert refused.value.response.status_code == 403


async def test_a_revoked_key_asks_for_nothing_more(connection):
    await connection.answer()
    await in_thread(lambda: keys.revoke(keys.ApiKey.objects.get().pk))
    await connection.create()
    assert await connection.closed() == 4401


async def test_a_silent_connection_of_a_revoked_key_is_closed(address, key, monkeypatch):
    monkeypatch.setattr(socket, "KEY_CHECK", 0.05)
    async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}) as opened:
        await in_thread(lambda: keys.revoke(keys.ApiKey.objects.get().pk))
        assert await Program(opened).closed() == 4401


async def test_a_person_has_so_many_connections(address, key, settings):
    settings.SOCKETS_PER_USER = 2
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        connect(address, additional_headers=headers) as one,
        connect(address, additional_headers=headers),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, additional_headers=headers)
        assert refused.value.response.status_code == 429
        await one.close()
        async with asyncio.timeout(30), connect(address, additional_headers=headers) as third:
            await Program(third).answer()


async def test_who_sends_too_much_is_closed(connection, monkeypatch):
    monkeypatch.setattr("conversations.floods.RATE", 0)
    monkeypatch.setattr("conversations.floods.PATIENCE", 3)
    for _ in range(60):
        await connection.send_text("{")
    assert await connection.closed() == 4429


async def test_who_does_not_read_is_given_up_and_the_response_is_kept(key, monkeypatch):
    monkeypatch.setattr("conversations.sockets.SEND_TIMEOUT", 0.2)
    reads = asyncio.Event()
    reads.set()

    async def gated(scope, receive, send):
        async def send_when_read(message):
            await reads.wait()
            await send(message)

        await application(scope, receive, send_when_read)

    headers = [(b"authorization", f"Bearer {key}".encode())]
    scope = {"type": "websocket", "path": "/v1/responses", "headers": headers}
    client = ApplicationCommunicator(gated, scope)
    await client.send_input({"type": "websocket.connect"})
    assert (await client.receive_output(30))["type"] == "websocket.accept"
    reads.clear()
    create = {"type": "response.create", "input": "[[stream]]"}
    await client.send_input({"type": "websocket.receive", "text": json.dumps(create)})
    await client.wait(30)
    assert get_channel_layer().channels == {}
    turn = await in_thread(Turn.objects.select_related("conversation").get)
    assert (await listening.finished(turn))["status"] == "completed"


async def test_a_frame_above_the_limit_closes_with_1009(connection):
    await connection.send_text(json.dumps(CREATE | {"input": "x" * 70_000}))
    assert await connection.closed() == 1009
