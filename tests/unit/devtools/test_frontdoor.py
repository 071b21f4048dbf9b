import asyncio
import socket
from contextlib import suppress

import pytest

from devtools import frontdoor
from devtools.frontdoor import Door, Relay, forwarded
from tests.waiting import GENEROUS

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Replica:
    """A server whose conversation with one visitor the test writes itself."""

    def __init__(self, streams):
        self.streams = streams
        self.visitors = asyncio.Queue()

    async def open(self):
        self.server = await asyncio.start_server(self.keep, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def keep(self, reader, writer):
        self.streams.append(writer)
        await self.visitors.put((reader, writer))

    async def visitor(self):
        """The next visitor's head, and the streams."""
        reader, writer = await self.visitors.get()
        return await reader.readuntil(b"\r\n\r\n"), reader, writer


@pytest.fixture
async def streams():
    """Every stream of the test; they are closed at its end."""
    streams = []
    yield streams
    for writer in streams:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
async def replicas(streams):
    replicas = [Replica(streams), Replica(streams)]
    for replica in replicas:
        await replica.open()
    yield replicas
    for replica in replicas:
        replica.server.close()


@pytest.fixture
async def door(replicas, monkeypatch):
    monkeypatch.setattr(frontdoor, "CONNECT_WITHIN", GENEROUS)
    listener = socket.create_server(("127.0.0.1", 0))
    door = Door(replica.port for replica in replicas)
    door.address = listener.getsockname()
    door.serving = asyncio.create_task(door.serve(listener))
    yield door
    door.closing.set()
    for visitor in door.visitors:
        visitor.transport.abort()
    await door.serving


@pytest.fixture
def knock(door, streams):
    """Asks the door for something."""

    async def knock(request):
        reader, writer = await asyncio.open_connection(*door.address)
        streams.append(writer)
        writer.write(request)
        return reader, writer

    return knock


async def test_visitors_go_to_the_replicas_in_turn(replicas, knock):
    for _ in range(4):
        await knock(GET)
    for replica in replicas:
        await replica.visitor()
        await replica.visitor()


async def test_a_replica_that_is_down_is_passed_over(replicas, knock):
    replicas[0].server.close()
    for _ in range(3):
        await knock(GET)
        await replicas[1].visitor()


async def test_a_replica_that_is_gone_before_it_was_asked_is_passed_over(
    replicas, knock, monkeypatch
):
    made = []

    class Fragile(Relay):
        """The first is lost at once."""

        def connection_made(self, transport):
            super().connection_made(transport)
            made.append(transport)
            made[0].abort()

    monkeypatch.setattr(frontdoor, "Relay", Fragile)
    await knock(GET)
    async with asyncio.timeout(GENEROUS):
        await replicas[1].visitor()


async def test_without_a_replica_the_visitor_is_told_to_come_again(replicas, knock):
    for replica in replicas:
        replica.server.close()
    reader, _ = await knock(GET)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.endswith(b"\r\n\r\nNo replica is up right now")


async def test_what_a_replica_says_is_handed_on_at_once(replicas, knock):
    reader, _ = await knock(GET)
    _, _, replica = await replicas[0].visitor()
    for part in (b"one", b"two"):
        replica.write(part)
        assert await reader.readexactly(3) == part
    replica.close()
    assert await reader.read() == b""


async def test_a_body_follows_its_head(replicas, knock):
    body = b"x" * 1_000_000
    _, writer = await knock(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + body[:10])
    writer.write(body[10:])
    _, replica, _ = await replicas[0].visitor()
    assert await replica.readexactly(1_000_000) == body


async def test_a_websocket_talks_both_ways(replicas, knock):
    reader, writer = await knock(UPGRADE)
    head, replica_reader, replica_writer = await replicas[0].visitor()
    assert b"\r\nConnection: Upgrade\r\n" in head
    writer.write(b"ping")
    assert await replica_reader.readexactly(4) == b"ping"
    replica_writer.write(b"pong")
    assert await reader.readexactly(4) == b"pong"


async def test_a_visitor_who_does_not_read_holds_its_replica_back(replicas, knock):
    await knock(GET)
    _, _, replica = await replicas[0].visitor()
    replica.write(bytes(100_000_000))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(replica.drain(), 1)
    assert replica.transport.get_write_buffer_size() > 50_000_000


async def test_a_visitor_who_leaves_leaves_the_replica_too(replicas, knock):
    _, writer = await knock(UPGRADE)
    _, replica, _ = await replicas[0].visitor()
    writer.transport.abort()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await replica.readexactly(1)


async def test_a_closing_door_lets_nobody_in_and_those_inside_finish(replicas, door, knock):
    undecided, _ = await knock(b"")  # connected, but asked for nothing yet
    reader, _ = await knock(GET)
    _, _, replica = await replicas[0].visitor()
    door.closing.set()
    assert await undecided.read() == b""
    with pytest.raises(ConnectionError):
        await knock(GET)
    replica.write(b"bye")
    replica.close()
    assert await reader.read() == b"bye"
    await door.serving


def test_a_replica_learns_who_asks_and_cannot_be_lied_to():
    head = forwarded(b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\nHost: a", "9.9.9.9")
    assert b"1.2.3.4" not in head
    assert head.endswith(b"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http")


def test_one_request_a_connection():
    head = forwarded(b"GET / HTTP/1.1\r\nConnection: keep-alive", "9.9.9.9")
    assert b"keep-alive" not in head
    assert b"\r\nConnection: close\r\n" in head
