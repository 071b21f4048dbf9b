"""The relay: a thread with an event loop of its own, so that the counted code may block."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from tests.taps.wires import PostgreSQL, Redis

Wire = PostgreSQL | Redis
WIRES: dict[str, Callable[[], Wire]] = {"postgresql": PostgreSQL, "redis": Redis}
CHUNK = 65536


@dataclass
class Tap:
    """Between a client and the server at `target`; `url` is where the client is sent."""

    target: str
    asked: list[bytes] = field(default_factory=list)  # statements or commands, in their order
    round_trips: int = 0
    bytes_sent: int = 0  # by the client
    bytes_got: int = 0
    connections: int = 0  # that are open

    @property
    def url(self) -> str:
        url = urlsplit(self.target)
        account, at, _ = url.netloc.rpartition("@")
        return url._replace(netloc=f"{account}{at}127.0.0.1:{self.port}").geturl()

    def clear(self) -> None:
        """Begin to count anew."""
        self.asked.clear()
        self.round_trips = self.bytes_sent = self.bytes_got = 0

    def named(self, *names: str) -> list[bytes]:
        """What was asked that begins with one of these words."""
        wanted = tuple(name.encode() for name in names)
        return [each for each in self.asked if each.startswith(wanted)]

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap", daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        server: asyncio.StreamWriter | None = None
        try:
            url = urlsplit(self.target)
            answers, server = await asyncio.open_connection(url.hostname, url.port)
            await self._relay(url.scheme, reader, writer, answers, server)
        except asyncio.CancelledError:
            pass  # the tap is closed
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            for each in (writer, server):
                if each:
                    each.transport.abort()

    async def _relay(
        self,
        scheme: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        """Until either side leaves. What is asked by one who was answered is a round trip."""
        wire, answered = WIRES[scheme](), True

        async def ask() -> None:
            nonlocal answered
            while data := await reader.read(CHUNK):
                asked = list(wire.feed(data))
                self.asked += asked
                self.bytes_sent += len(data)
                if asked and answered:  # not while somebody logs in
                    self.round_trips += 1
                    answered = False
                server.write(data)

        async def answer() -> None:
            nonlocal answered
            while data := await answers.read(CHUNK):
                answered = True
                self.bytes_got += len(data)
                writer.write(data)

        with suppress(ConnectionError):
            both = [asyncio.ensure_future(ask()), asyncio.ensure_future(answer())]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in both:
                    each.cancel()
                await asyncio.gather(*both, return_exceptions=True)
