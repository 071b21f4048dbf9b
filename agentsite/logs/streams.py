"""A standard stream as a sink of `outlets`: written to as far as it takes, without ever waiting."""

import os
import select
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from agentsite.logs.outlets import Batch

LOOK = 1.0  # seconds between two looks at a stream that takes nothing


class Stream:
    """A standard stream. Written past Python's own buffer, whose lock a fork could copy closed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._number = {"stdout": 1, "stderr": 2}[name]
        self._is_open = False

    def write(self, batch: Batch) -> Iterator[float]:
        if not self._is_open:  # with the first line: until then it may become another
            self._number, self._is_open = unwaiting(self._number), True
        for lines_ in pieces(line for _, line in batch):
            data = memoryview(lines_)
            while data:
                if not select.select([], [self._number], [], LOOK)[1]:
                    yield 0  # whoever reads is slow or gone
                    continue
                with suppress(BlockingIOError):  # it has no room for all of it
                    data = data[os.write(self._number, data) :]

    def end(self) -> None:
        """The stream stays open for others."""

    def forked(self) -> None:
        """The child writes to the same place."""


def unwaiting(number: int) -> int:
    """The same pipe, opened anew so that nobody waits in it for room; anything else as it is.

    A line may be longer than what `select` promises room for. To make the stream itself so would
    change it for all who have it open: other processes too.
    """
    if not stat.S_ISFIFO(os.fstat(number).st_mode):
        return number
    try:
        return os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # there is no /proc, or the pipe is another account's
        return number


def pieces(lines_: Iterable[str]) -> Iterator[bytes]:
    """Whole lines, as many as a pipe takes at once: it neither blocks nor mixes them with others'."""
    piece = b""
    for line in lines_:
        data = f"{line}\n".encode("utf-8", "replace")
        if piece and len(piece) + len(data) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += data
    yield piece
