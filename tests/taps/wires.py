"""Reads what a client sends, in the two protocols: each statement or command, as text."""

from collections.abc import Iterator

STARTUPS = {80877103: True, 80877104: True, 196608: False, 196610: False}  # again afterwards?


class PostgreSQL:
    """Statements of the simple and the extended protocol."""

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while (message := self._message()) is not None:
            kind, body = message
            if kind == b"Q":
                yield body.rstrip(b"\0")
            elif kind == b"P":
                yield body.split(b"\0")[1]

    def _message(self) -> tuple[bytes, bytes] | None:
        """The next whole message; those before the start-up have no kind."""
        head = 1 if self._started else 0
        if len(self._buffer) < head + 4:
            return None
        length = int.from_bytes(self._buffer[head : head + 4])
        if len(self._buffer) < head + length:
            return None
        kind, body = self._buffer[:head], self._buffer[head + 4 : head + length]
        self._buffer = self._buffer[head + length :]
        if not self._started:
            self._started = not STARTUPS.get(int.from_bytes(body[:4]), False)
        return kind, body


class Redis:
    """Commands of RESP: arrays of strings."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while (words := self._command()) is not None:
            yield b" ".join(words)

    def _command(self) -> list[bytes] | None:
        line, rest = self._line(self._buffer)
        if line is None:
            return None
        words = []
        for _ in range(int(line[1:])):
            size, rest = self._line(rest)
            if size is None or len(rest) < int(size[1:]) + 2:
                return None
            words.append(rest[: int(size[1:])])
            rest = rest[int(size[1:]) + 2 :]
        self._buffer = rest
        return words

    def _line(self, buffer: bytes) -> tuple[bytes | None, bytes]:
        line, found, rest = buffer.partition(b"\r\n")
        return (line, rest) if found else (None, buffer)
