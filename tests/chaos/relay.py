"""A relay between one process of the site and one server, which breaks connections where asked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

CHUNK = 65536  # bytes
ROLLBACK = b"ROLLBACK"
NO_ROW = b"UPDATE 0\x00"
PUBLISHED = b"message\r\n"  # near the beginning of what Redis sends to subscribers


class Harm(StrEnum):
    """What happens to a connection when a trap has gone off."""

    DROP_REPLY = "drop_reply"  # the server has done it; the process never hears of it
    DROP_REQUEST = "drop_request"  # the server never hears of it
    TRUNCATE = "truncate"  # half a reply, then nothing
    HALF_CLOSE = "half_close"  # the server hangs up, the process may still speak
    DELAY = "delay"  # the reply comes late
    HOLD = "hold"  # the request waits for the deed


@dataclass
class Trap:
    """Waits for a request that holds `words`; `then`: for this one later on that connection."""

    words: bytes
    harm: Harm
    then: bytes = b""
    unless: bytes | None = None  # a request that holds these too passes
    skip: int = 0  # requests with the words that pass
    seconds: float = 1.0  # of a delay
    deed: Callable[[], Awaitable[None]] | None = None  # what else happens, before any reply
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    reply: bytes = b""  # what the server said, whatever came of it
    is_off: bool = False

    def matches(self, request: bytes) -> bool:
        passes = self.is_off or (self.unless is not None and self.unless in request)
        return not passes and self.words in request


@dataclass
class Relay:
    """Listens on `port` for the process, speaks to the server at `target`."""

    target: int  # port
    port: int = 0
    deaf: bool = False  # to what is published
    missed: asyncio.Event = field(default_factory=asyncio.Event)  # something was, meanwhile
    traps: list[Trap] = field(default_factory=list)
    lines: set["Line"] = field(default_factory=set)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for line in list(self.lines):
            line.cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        line = Line(self, reader, writer, answers, server)
        self.lines.add(line)
        try:
            await line.carry()
        finally:
            self.lines.discard(line)


class Line:
    """One connection."""

    def __init__(
        self,
        relay: Relay,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        self._relay = relay
        self._reader, self._writer = reader, writer
        self._answers, self._server = answers, server
        self._trap: Trap | None = None  # whose first words have passed here
        self._is_told = True  # what became of those
        self._harm: Trap | None = None  # for the next reply

    def cut(self) -> None:
        for side in (self._writer, self._server):
            side.transport.abort()

    async def carry(self) -> None:
        """Until either side leaves."""
        pumps = [asyncio.ensure_future(self._requests()), asyncio.ensure_future(self._replies())]
        try:
            with suppress(OSError):
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.cut()

    async def _requests(self) -> None:
        while data := await self._reader.read(CHUNK):
            if trap := self._springs(data):
                trap.sprung.set()
                if trap.harm in (Harm.DROP_REQUEST, Harm.HOLD):
                    await do(trap)
                if trap.harm is Harm.DROP_REQUEST:
                    return
                if trap.harm is not Harm.HOLD:
                    self._harm = trap
            self._server.write(data)
            await self._server.drain()

    def _springs(self, data: bytes) -> Trap | None:
        """The trap that this request sets off."""
        if self._trap and self._trap.then in data:
            trap, self._trap = self._trap, None
            return None if trap.is_off else trap
        if ROLLBACK in data:
            self._wait_for_another()
        for trap in [trap for trap in self._relay.traps if trap.matches(data)]:
            if trap.skip:
                trap.skip -= 1
                continue
            self._relay.traps.remove(trap)
            if not trap.then:
                return trap
            self._trap, self._is_told = trap, False
            # with a pipeline both may come at once
            return trap if trap.then in data.split(trap.words, 1)[1] else None
        return None

    def _wait_for_another(self) -> None:
        """What the trap's first words began came to nothing."""
        if self._trap:
            self._relay.traps.append(self._trap)
            self._trap = None

    async def _replies(self) -> None:
        while data := await self._answers.read(CHUNK):
            if not self._is_told and NO_ROW in data:
                self._wait_for_another()
            self._is_told = True
            if self._relay.deaf and PUBLISHED in data[:20]:
                self._relay.missed.set()
                continue
            if self._harm:
                trap, self._harm = self._harm, None
                trap.reply = data
                await do(trap)
                trap.answered.set()
                if not await self._harmed(trap, data):
                    return
            self._writer.write(data)
            await self._writer.drain()

    async def _harmed(self, trap: Trap, data: bytes) -> bool:
        """Whether the reply still goes out."""
        match trap.harm:
            case Harm.DELAY:
                await asyncio.sleep(trap.seconds)
                return True
            case Harm.TRUNCATE:
                self._writer.write(data[: len(data) // 2])
                await self._writer.drain()
            case Harm.HALF_CLOSE:
                self._writer.write_eof()
                await asyncio.sleep(trap.seconds)
        return False


async def do(trap: Trap) -> None:
    if trap.deed:
        await trap.deed()
