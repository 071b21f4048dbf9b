"""What every websocket of ours does alike: dispatch in turn, pulses, sends under a timeout, closing.

Channels' own dispatch hops through one thread that all sockets share, for every message; this one
stays on the loop. Messages, frames and pulses are handled one at a time, so no socket needs a lock.
"""

import asyncio
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import structlog
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from channels.layers import get_channel_layer
from channels.utils import await_many_dispatch
from django.conf import settings
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from workers.observing import tracing

SEND_TIMEOUT = 10  # seconds that a client may leave its socket unread
LAYER_TIMEOUT = 5  # seconds that Redis may take to add or drop a subscription
INTERNAL_ERROR = 1011  # close code: the client connects again
UNAVAILABLE = (DatabaseError, RedisError, OSError)  # PostgreSQL or Redis is away

log = structlog.get_logger(__name__)


class Close(Exception):
    """Close the socket with this code, and a word to whoever debugs a client."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code, self.reason = code, reason
        super().__init__(code)


class Pulse:
    """A timer that wakes the socket by a message like any other."""

    def __init__(self) -> None:
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Wake it after this time, and no earlier."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due.set)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    async def wait(self) -> dict[str, Any]:
        await self._due.wait()
        self._due.clear()
        return {"type": "pulse"}


class Socket(AsyncConsumer):
    """Calls the method that a message's type names, `turn.entries` -> `turn_entries`."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope, self.base_send = scope, send
        self.is_closed = False
        self.pulse_timer = Pulse()
        self._groups: set[str] = set()
        layer = get_channel_layer()
        assert layer is not None, "settings.CHANNEL_LAYERS has no default"
        self.channel_layer: Any = layer
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                self.channel_name = await layer.new_channel()
        except UNAVAILABLE as error:
            log.warning("socket.no_layer", error=type(error).__name__)
            await refuse(INTERNAL_ERROR)(scope, receive, send)
            return
        await self._run(receive)

    async def _run(self, receive: Any) -> None:
        heard = partial(self.channel_layer.receive, self.channel_name)
        sources: list[Any] = [receive, heard, self.pulse_timer.wait]
        try:
            await await_many_dispatch(sources, self.dispatch)
        except StopConsumer:
            pass
        finally:
            self.pulse_timer.stop()
            await self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one message; what fails unexpectedly closes the socket, never the server."""
        if message["type"] == "websocket.disconnect":
            raise StopConsumer
        handler = getattr(self, get_handler_name(message), None)
        if handler is None or self.is_closed:  # a newer replica may send types of its own
            return
        is_said = message["type"] == "websocket.receive"  # by the client: a trace begins
        try:
            with tracing.span("websocket message") if is_said else nullcontext():
                await handler(message)
        except StopConsumer:
            raise
        except Close as closing:
            await self.close(closing.code, closing.reason)
        except UNAVAILABLE as error:
            log.warning("socket.unserved", error=type(error).__name__)
            await self.close(INTERNAL_ERROR)
        except Exception as error:
            log.exception("socket.failed", message_type=message["type"], exc_info=error)
            await self.close(INTERNAL_ERROR)

    async def join(self, group: str) -> None:
        """Hear what is sent to a group. Returns before Redis has confirmed it."""
        self._groups.add(group)
        async with asyncio.timeout(LAYER_TIMEOUT):
            await self.channel_layer.group_add(group, self.channel_name)

    async def _leave(self) -> None:
        with suppress(*UNAVAILABLE):
            async with asyncio.timeout(LAYER_TIMEOUT):
                await self.channel_layer.leave(self.channel_name, self._groups)

    async def accept(self) -> None:
        await self._send({"type": "websocket.accept"})

    async def send_frame(self, frame: Mapping[str, Any]) -> None:
        text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
        await self._send({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str = "") -> None:
        if not self.is_closed:
            self.is_closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _send(self, message: dict[str, Any]) -> None:
        """Raises `StopConsumer` when the client is gone or does not read."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self.base_send(message)  # type: ignore[arg-type]
        except TimeoutError:
            log.info("socket.stalled")
            raise StopConsumer from None
        except OSError:
            raise StopConsumer from None


@contextmanager
def patience() -> Iterator[None]:
    """Databases that are away leave a socket where it is; its next pulse tries again."""
    try:
        yield
    except UNAVAILABLE as error:
        log.warning("following.interrupted", error=type(error).__name__)


def replica() -> str:
    """The name of this process, for people who look after it."""
    return settings.REPLICA_NAME or f"{socket.gethostname()}:{os.getpid()}"


def refuse(code: int) -> Any:
    """An ASGI application that closes every websocket with this code.

    It accepts first: a browser cannot tell a refused handshake from a broken network.
    """

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": code})

    return application
