"""What the websocket of the API refuses, and how it says so."""

import asyncio
import json
from contextlib import suppress

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.db import OperationalError
from django.db.models.functions import Now
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from agentsite.asgi import application
from conversations import keys
from conversations.api import socket
from conversations.models import Turn
from conversations.showing import listening
from conversations.sockets import floods, standing
from conversations.threads import in_thread
from tests.integration.api.programs import Program, address, connection, sdk
from tests.waiting import GENEROUS

__all__ = ["address", "connection", "sdk"]
pytestmark = pytest.mark.usefixtures("crew")

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
    (json.dumps(CREATE | {"model": "nobody"}), 400, "invalid_value", "model"),
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
    monkeypatch.setattr(floods, "BURST", 1000)
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


def failing(error):
    def fail(secret):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [(OperationalError, (503, "unavailable")), (KeyError, (500, "server_error"))],
)
async def test_a_handshake_tells_whose_fault_it_is(address, key, monkeypatch, error, told):
    monkeypatch.setattr(keys, "caller", failing(error))
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers={"Authorization": f"Bearer {key}"})
    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["error"]["code"]) == told


async def test_a_connection_outlasts_a_database_that_is_away(connection, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(keys, "caller", failing(OperationalError))
        await connection.create(stream_id="a")
        assert await connection.error() == (503, "unavailable", None)
    assert (await connection.answer(stream_id="a"))["status"] == "completed"


@pytest.mark.parametrize("told", [{}, {"X-Forwarded-Proto": "http"}])
async def test_a_key_is_not_taken_without_https_where_the_site_has_it(address, key, settings, told):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"Authorization": f"Bearer {key}"}
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers=headers | told)
    response = refused.value.response
    assert response.status_code == 403
    assert json.loads(response.body)["error"]["code"] == "https_required"
    secure = headers | {"X-Forwarded-Proto": "https"}
    async with connect(address, additional_headers=secure) as opened:
        assert (await Program(opened).answer())["status"] == "completed"


async def test_a_key_makes_so_many_requests_a_minute_here_too(address, owner):
    made = in_thread(keys.make, owner.pk, name="slow", requests_per_minute=2)
    headers = {"Authorization": f"Bearer {(await made)[1]}"}
    async with connect(address, additional_headers=headers, compression=None) as opened:
        program = Program(opened)
        await program.create()
        await program.until("response.created")
        await program.create(stream_id="other")
        assert await program.error() == (429, "rate_limited", None)
        assert program.frames[-1]["stream_id"] == "other"
        with pytest.raises(InvalidStatus) as refused:  # a handshake is a request, too
            await connect(address, additional_headers=headers)
    response = refused.value.response
    assert (response.status_code, response.headers["x-ratelimit-remaining-requests"]) == (429, "0")
    assert 0 < int(response.headers["retry-after"]) <= 31


@pytest.mark.usefixtures("trusting")
async def test_a_revoked_key_asks_for_nothing_more(connection):
    await connection.answer()
    await in_thread(keys.ApiKey.objects.update, revoked=Now())  # nobody says so before it asks
    await connection.create()
    assert await connection.closed() == 4401


@pytest.mark.usefixtures("trusting")
async def test_a_silent_connection_ends_at_once_with_its_key(connection, heard):
    await heard()
    await in_thread(lambda: keys.revoke(keys.ApiKey.objects.get().pk))
    assert await connection.closed() == 4401


async def test_it_ends_with_a_key_of_which_nobody_said_so(address, key, monkeypatch):
    monkeypatch.setattr(standing, "CHECK", 0.05)
    async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}) as opened:
        await in_thread(keys.ApiKey.objects.update, revoked=Now())
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
        assert json.loads(refused.value.response.body)["error"]["code"] == "too_many_connections"
        await one.close()
        async with asyncio.timeout(GENEROUS), await freed(address, headers) as third:
            await Program(third).answer()


async def freed(address, headers):
    """A connection, as soon as the server has heard that another was closed."""
    while True:
        with suppress(InvalidStatus):
            return await connect(address, additional_headers=headers)
        await asyncio.sleep(0.02)


async def test_who_sends_too_much_is_closed(connection, monkeypatch):
    monkeypatch.setattr(floods, "RATE", 0)
    monkeypatch.setattr(floods, "PATIENCE", 3)
    for _ in range(floods.BURST + 4):
        await connection.send_text("{")
    assert await connection.closed() == 4429


async def test_who_does_not_read_is_given_up_and_the_response_is_kept(key, monkeypatch):
    monkeypatch.setattr("conversations.sockets.base.SEND_TIMEOUT", 0.2)
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
    assert (await client.receive_output(GENEROUS))["type"] == "websocket.accept"
    reads.clear()
    create = {"type": "response.create", "input": "[[stream]]"}
    await client.send_input({"type": "websocket.receive", "text": json.dumps(create)})
    await client.wait(GENEROUS)
    assert get_channel_layer().channels == {}
    turn = await in_thread(Turn.objects.select_related("conversation").get)
    assert (await listening.finished(turn))["status"] == "completed"


async def test_a_frame_above_the_limit_closes_with_1009(connection):
    await connection.send_text(json.dumps(CREATE | {"input": "x" * 70_000}))
    assert await connection.closed() == 1009
