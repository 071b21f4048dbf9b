"""What a socket of the page may be sent: a typed error and it stays open, or the right close code."""

import asyncio
import json
import os
import struct
from contextlib import suppress
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed

from conversations import protocol, turns
from conversations.threads import in_thread
from tests.acceptance.bad_input.conftest import answer, person, pong, subscribed
from tests.unit.test_frames import BAD, create, subscribe
from tests.waiting import GENEROUS

pytestmark = pytest.mark.django_db
MASK = b"\0\0\0\0"
SOME = 30  # frames that a fresh socket may send at once
FRAMES = [
    (text, error.code, param)
    for text, error, param in BAD
    if len(text.encode("utf-8", "surrogatepass")) <= 65_536
]
ASSIGNED = [
    (create(**{name: 1}), "invalid_frame", name)
    for name in ("id", "owner", "owner_id", "user", "role", "version", "state", "pool", "number",
                 "attempt", "claim_token", "cancel_requested", "conversation", "next_turn", "model")
]  # fmt: skip
MORE = [
    ('{"type": "ping", "type": "response.cancel"}', "invalid_json", None),
    ('{"type": "ping"} {"type": "ping"}', "invalid_json", None),
    ('\ufeff{"type": "ping"}', "invalid_json", None),
    ('{"type": "ping",}', "invalid_json", None),
    ('{"type": 1e999}', "invalid_value", "type"),
    ('{"type": "ping", "__proto__": {}}', "invalid_frame", "__proto__"),
    (create(expected_version=2**63), "invalid_value", "expected_version"),
    (create(expected_version=-1), "invalid_value", "expected_version"),
    (create(expected_version=9), "version_conflict", "expected_version"),
    ("[" * 65_000, "invalid_json", None),
]
ROWS = [*FRAMES, *ASSIGNED, *MORE]


async def close_code(tab):
    async with asyncio.timeout(GENEROUS):
        with suppress(ConnectionClosed):
            async for _ in tab:
                pass
    return tab.close_code


@pytest.mark.parametrize("start", range(0, len(ROWS), SOME))
async def test_every_bad_frame_is_answered_by_its_error(replica, ada, start):
    async with subscribed(replica, ada) as tab:
        for text, code, param in ROWS[start : start + SOME]:
            await tab.send(text)
            error = await answer(tab)
            assert (error["type"], error.get("code"), error.get("param")) == ("error", code, param)
        await pong(tab)


async def test_bytes_and_empty_frames_and_pings_leave_it_open(replica, ada):
    async with subscribed(replica, ada) as tab:
        for frame in (b"", b"\x00\xff", b'{"type": "ping"}', ""):
            await tab.send(frame)
            assert (await answer(tab))["type"] == "error"
        await (await tab.ping(b"x" * 125))
        await tab.pong(b"unasked")
        await pong(tab)


async def theirs(person):
    turn = await in_thread(turns.accept, person.conversation.pk, person.conversation.owner_id, [{}])
    return protocol.response_id(turn.turn.pk)


async def test_what_belongs_to_others_does_not_exist(replica, ada, eve):
    response = await theirs(eve)
    async with subscribed(replica, ada) as tab:
        await tab.send(json.dumps({"type": "response.cancel", "response_id": response}))
        assert (await answer(tab))["code"] == "not_found"
        await tab.send(subscribe({"response_id": response, "sequence_number": 0}))
        snapshot = await answer(tab)
        assert snapshot["type"] == "agentsite:snapshot"
        assert response not in json.dumps(snapshot)


CURSORS = ["", "x", "resp_", f"resp_{uuid4().hex}", f"resp_{0:032}", "conv_" + "0" * 32, "\\", "☃"]


async def test_a_cursor_of_nowhere_or_the_future_gets_a_snapshot(replica, ada):
    own = await theirs(ada)
    async with subscribed(replica, ada) as tab:
        for response in [*CURSORS[1:], own]:
            await tab.send(subscribe({"response_id": response, "sequence_number": 2**53 - 1}))
            assert (await answer(tab))["type"] == "agentsite:snapshot", response
        await pong(tab)


async def test_a_key_that_somebody_else_used_is_free_and_ones_own_is_not(replica, ada, eve):
    key = uuid4().hex
    for sender in (eve, ada):
        async with subscribed(replica, sender) as tab:
            await tab.send(create(idempotency_key=key, input="mine"))
            assert (await answer(tab))["type"] == "agentsite:accepted"
            await tab.send(create(idempotency_key=key, input="another"))
            while (told := await answer(tab))["type"] != "error":
                pass
            assert told["code"] == "idempotency_conflict"


@pytest.mark.parametrize("size", [65_537, 17 * 2**20])
async def test_a_frame_that_is_too_large_is_closed_with_1009(replica, ada, size):
    """At its head: what would follow is never read."""
    async with subscribed(replica, ada) as tab:
        tab.transport.write(b"\x81\xff" + struct.pack("!Q", size) + MASK + b"x" * 60_000)
        assert await close_code(tab) == 1009


async def test_fragments_that_are_too_large_together_are_closed_with_1009(replica, ada):
    async with subscribed(replica, ada) as tab:
        with suppress(ConnectionClosed):
            await tab.send("x" * 10_000 for _ in range(7))
        assert await close_code(tab) == 1009


BROKEN = [
    (b"\x81\x82" + MASK + b"\xff\xfe", 1007),  # no UTF-8
    (b"\x81\x02{}", 1002),  # not masked
    (b"\x83\x80" + MASK, 1002),  # an opcode that is reserved
    (b"\xc1\x80" + MASK, 1002),  # a bit that is reserved
    (b"\x09\x80" + MASK, 1002),  # a ping in fragments
    (b"\x80\x80" + MASK, 1002),  # a continuation of nothing
    (b"\x89\xfe\x00\x80" + MASK + b"x" * 128, 1002),  # a ping that is too long
    (b"\x81\xff" + struct.pack("!Q", 2**63) + MASK, 1009),
    (b"\x81\xff" + struct.pack("!Q", 2**40) + MASK, 1009),
    (b"\x88\x82" + MASK + struct.pack("!H", 999), 1002),  # a close code that is none
    (b"\x88\x81" + MASK + b"x", 1002),  # half a close code
]


@pytest.mark.parametrize(("data", "code"), BROKEN, ids=range(len(BROKEN)))
async def test_what_is_no_websocket_frame_is_closed_by_its_code(replica, ada, data, code):
    async with subscribed(replica, ada) as tab:
        tab.transport.write(data)
        assert await close_code(tab) == code


@pytest.mark.parametrize("data", [b"\x81", b"\x81\xfe\xff", b"\x81\x85" + MASK + b"ab"])
async def test_who_leaves_in_the_middle_of_a_frame_leaves_no_trace(replica, ada, data):
    async with subscribed(replica, ada) as tab:
        tab.transport.write(data)
        tab.transport.abort()


async def test_a_flood_is_slowed_down_and_closed(replica, ada):
    async with subscribed(replica, ada) as tab:
        flooding = asyncio.create_task(flood(tab))
        assert await close_code(tab) == 4429
        await flooding


async def flood(tab):
    """Until it is closed: a busy replica may not see at once that it is too much at a time."""
    with suppress(ConnectionClosed):
        while True:
            await tab.send('{"type": "ping"}')
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
def bob(database):
    """Somebody whose tabs are those of one test: who closes one has the place for a moment more."""
    return person("bob")


async def is_let_in(replica, visitor):
    async with replica.tab(visitor) as tab:
        with suppress(ConnectionClosed):
            await pong(tab)
        return tab.close_code is None


async def test_so_many_tabs_and_no_more(replica, bob):
    tabs = [await replica.tab(bob) for _ in range(50)]
    for tab in tabs:
        await pong(tab)
    async with replica.tab(bob) as one_more:
        assert await close_code(one_more) == 4429
        assert one_more.close_reason
    await asyncio.gather(*(tab.close() for tab in tabs))
    async with asyncio.timeout(GENEROUS):
        while not await is_let_in(replica, bob):
            pass


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"origin": None}, 4403),
        ({"origin": "null"}, 4403),
        ({"origin": "http://evil.example"}, 4403),
        ({"origin": "http://127.0.0.1.evil.example"}, 4403),
        ({"headers": {"Cookie": "sessionid=x"}}, 4401),
        ({"headers": {"Cookie": "sessionid=" + "x" * 8000}}, 4401),
        ({"headers": {"Cookie": "\xff=\xff; sessionid"}}, 4401),
    ],
    ids=str,
)
async def test_who_may_not_come_in_is_told_by_the_close_code(replica, ada, options, code):
    async with replica.tab(ada, **options) as tab:
        assert await close_code(tab) == code


UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\n{more}\r\n"
)
FINE = {"path": "/ws/", "host": "127.0.0.1", "key": "eA" + "A" * 20 + "==", "version": "13"}
HANDSHAKES = [
    *({"key": key} for key in ("", "short")),
    *({"version": version} for version in ("12", "x")),
    *({"path": path} for path in ("/ws/conversations/\xff/", "/%00/%ff?\xff", "/" + "x" * 60_000)),
    {"path": "*"},
    {"host": "evil.example"},
    {"more": "X: \xff\x00\r\n"},
    {"more": "X: " + "x" * 100_000 + "\r\n"},
    {"more": "Sec-WebSocket-Protocol: \xff,,\r\n"},
    {"more": "Sec-WebSocket-Extensions: permessage-deflate; x=;;\r\n"},
    {"more": "Origin: \xff\r\nCookie: \xff\r\nAuthorization: \xff\r\n"},
    {"path": "/v1/responses", "more": "Authorization: Bearer \xff\r\n"},
    {"path": "/v1/responses", "more": "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"},
    {"more": "Content-Length: 99999999999999999999\r\n"},
]


@pytest.mark.parametrize("fields", HANDSHAKES, ids=range(len(HANDSHAKES)))
async def test_no_handshake_is_a_fault(replica, fields):
    request = UPGRADE.format(**{**FINE, "more": "", **fields}).encode("latin1")
    said = await asyncio.to_thread(replica.said, request)
    assert not said.startswith(b"HTTP/1.1 5"), said


async def test_noise_is_no_request(replica):
    for request in (os.urandom(4096), b"GET", b"\r\n" * 1000, b"\x16\x03\x01" + b"\0" * 500):
        said = await asyncio.to_thread(replica.said, request)
        assert not said.startswith(b"HTTP/1.1 5"), said
