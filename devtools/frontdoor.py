"""The front door of the local stack: one address before all replicas.

Each connection carries one request (or one websocket) to the next replica in turn; one that does
not take it is passed over. Bytes are handed on as they come, and no faster than they are taken.
Production has a real load balancer here.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterable
from typing import cast

import uvloop

HEAD_LIMIT = 65_536  # bytes of a request's head
CONNECT_WITHIN = 2  # seconds
# The client may not speak for the door; of the connection, only an upgrade is handed on.
DROPPED = (b"x-forwarded-for:", b"x-forwarded-proto:", b"forwarded:", b"connection:")
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NO_REPLICA = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 26\r\nConnection: close\r\n\r\nNo replica is up right now"
)


class Relay(asyncio.Protocol):
    """One side of a connection; what arrives goes to the other side's transport."""

    transport: asyncio.Transport
    other: "Relay | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.other:
            self.other.transport.close()


class Visitor(Relay):
    """The client's side: it waits for the head of the request, then for a replica."""

    def __init__(self, door: "Door") -> None:
        self.door = door
        self.waiting = bytearray()
        self.opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.door.visitors.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other:
            return super().data_received(data)
        self.waiting += data
        if self.opening is None:
            self.look_for_head()
        return None

    def look_for_head(self) -> None:
        end = self.waiting.find(b"\r\n\r\n")
        if end >= 0:
            self.transport.pause_reading()
            self.opening = asyncio.create_task(self.open(end))
        elif len(self.waiting) > HEAD_LIMIT:
            self.refuse(BAD_REQUEST)

    async def open(self, end: int) -> None:
        """Connect to a replica, hand over what has come so far, then relay."""
        replica = await self.door.connect()
        if replica is None:
            return self.refuse(NO_REPLICA)
        address = self.transport.get_extra_info("peername")[0]
        replica.transport.write(forwarded(bytes(self.waiting[:end]), address))
        replica.transport.write(bytes(self.waiting[end:]))
        self.waiting.clear()
        self.other, replica.other = replica, self
        return self.transport.resume_reading()

    def eof_received(self) -> bool:
        """A client may close its side and still read; before its request that is the end."""
        if self.other:
            self.other.transport.write_eof()
        return self.other is not None

    def refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.opening:
            self.opening.cancel()
        self.door.leave(self)


class Door:
    """Chooses replicas in turn and knows who is inside."""

    def __init__(self, ports: Iterable[int]) -> None:
        self.ports = list(ports)
        self.visitors: set[Visitor] = set()
        self.closing, self.left = asyncio.Event(), asyncio.Event()

    async def connect(self) -> Relay | None:
        """A connection to the next replica that takes one."""
        loop = asyncio.get_running_loop()
        for _ in self.ports:
            port = self.ports.pop(0)
            self.ports.append(port)
            try:
                async with asyncio.timeout(CONNECT_WITHIN):
                    _, relay = await loop.create_connection(Relay, "127.0.0.1", port)
            except OSError:  # TimeoutError is one
                continue
            if not relay.transport.is_closing():  # else it was lost before anybody could hear of it
                return relay
        return None

    def leave(self, visitor: Visitor) -> None:
        self.visitors.discard(visitor)
        self.left.set()

    async def serve(self, listener: socket.socket) -> None:
        """Let visitors in until SIGTERM, then let those who talk with a replica finish."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.closing.set)
        server = await loop.create_server(lambda: Visitor(self), sock=listener)
        await self.closing.wait()
        server.close()
        for visitor in [visitor for visitor in self.visitors if not visitor.opening]:
            visitor.transport.close()
        while self.visitors:
            self.left.clear()
            await self.left.wait()


def forwarded(head: bytes, address: str) -> bytes:
    """The head (without its last line end) as the replica shall see it: one request, and whose."""
    request, *fields = head.split(b"\r\n")
    upgrade = any(is_upgrade(field) for field in fields)
    kept = [field for field in fields if not field.lower().startswith(DROPPED)]
    kept.append(b"Connection: Upgrade" if upgrade else b"Connection: close")
    kept.append(f"X-Forwarded-For: {address}".encode())
    kept.append(b"X-Forwarded-Proto: http")
    return b"\r\n".join([request, *kept])


def is_upgrade(field: bytes) -> bool:
    name, _, value = field.lower().partition(b":")
    return name == b"connection" and b"upgrade" in value


async def serve(listener: socket.socket, ports: Iterable[int]) -> None:
    await Door(ports).serve(listener)


if __name__ == "__main__":
    fd, *ports = map(int, sys.argv[1:])
    uvloop.run(serve(socket.socket(fileno=fd), ports))
