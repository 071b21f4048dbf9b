"""The one writer of a running turn's log: sends what the runner composes, in few frames.

Nothing that the runner calls waits for Redis. One task sends: all that is pending in one frame,
never more than one at a time, then it pauses. While Redis is down, entries wait in memory, and
the turn goes on; when it is back, the log is restored if the claim still holds.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import structlog
from django.db import Error
from redis.exceptions import RedisError

from conversations.composing import Composition
from conversations.errors import Fenced
from conversations.models import Turn
from conversations.streams import (
    FIRST,
    Append,
    Opened,
    Writer,
    append,
    expire,
    open_log,
    rebase,
    restore,
)
from conversations.threads import in_thread
from conversations.traces import Entry, Kind, merge, opening
from conversations.turns import watch

log = structlog.get_logger(__name__)

# Seconds between two frames. A slow stream's deltas go nearly one by one; where several come
# within the short pause, the long one keeps a fast stream below a frame for five of them.
SHORT_PAUSE = 0.025
LONG_PAUSE = 0.06
BASE_EVERY = 1000  # entries
PATIENCE = 5  # seconds to wait for Redis where an earlier attempt's log should be read
LINGER = 3  # seconds that the last frames may take; later readers find them in the rows
LONGEST_DELAY = 2  # seconds between two tries
UNAVAILABLE = (RedisError, OSError, Error)


def delays() -> Iterator[float]:
    """Seconds to wait before each try: none, then doubling, with jitter."""
    yield 0
    for exponent in itertools.count():
        jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
        yield min(LONGEST_DELAY, 0.05 * 2 ** min(exponent, 10)) * jitter


class Emitter(Composition):
    """What a claim shows, and the task that shows it. An async context; the claim is confirmed.

    `shown` is what the rows know of earlier attempts (`replays.replay`). Writing raises
    `errors.Fenced` once the claim is known to be lost. Leaving without an error waits for the
    last frames, at most LINGER seconds.
    """

    def __init__(self, writer: Writer, *, shown: Sequence[Entry] = ()) -> None:
        super().__init__()
        self.frames = 0  # sent
        self._writer = writer
        self._shown = shown
        self._log = log.bind(turn=writer.facts.id.hex, attempt=writer.attempt)
        self._lost = False  # whether the log has to be restored before the next frame
        self._sent = 0  # entries that are in the log
        self._based = 0  # entries in its base
        self._idle = False  # whether the sender may be woken for what is written
        self._due = asyncio.Event()
        self._turned = asyncio.Event()  # the sender has gone round once more
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._begin()
        self._task = asyncio.create_task(self._send_for_ever())
        self._rested()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                await self._finish()
        finally:
            await self._stop()

    async def flush(self) -> None:
        """Wait until all that may be seen is in the log."""
        while self.waits or self._sent < self._taken:
            self._check()
            self._turned.clear()
            self._due.set()
            await self._turned.wait()
        self._check()

    # --- Opening ------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Take the log over; without Redis, go on without one."""
        opened = await self._reach_log()
        if opened is None:
            following = FIRST if self._writer.attempt == 1 else self._writer.skipped_to
            opened = Opened(following, opening(self._writer.facts), lost=True)
            self._lost = True
        entries = merge(opened.entries, self._shown)
        self._lost |= opened.lost and len(entries) > len(opened.entries)
        # What a dead attempt committed and could not show any more comes after the log.
        self._sent = sum(entry.number < opened.next for entry in entries)
        self.resume(entries, max(opened.next, entries[-1].following), taken=self._sent)

    async def _reach_log(self) -> Opened | None:
        """Only a later attempt has something to learn from the log, and waits for Redis."""
        now = asyncio.get_running_loop().time
        deadline = now() + (PATIENCE if self._writer.attempt > 1 else 0)
        for delay in delays():
            await asyncio.sleep(delay)
            try:
                return await open_log(self._writer)
            except UNAVAILABLE as error:
                self._unavailable(error, delay)
            if now() >= deadline:
                break
        return None

    # --- Sending ------------------------------------------------------------------------------

    def _written(self) -> None:
        self._check()
        self._wake()

    def _wake(self) -> None:
        if self._idle and self.waits:
            self._idle = False
            self._due.set()

    def _check(self) -> None:
        """Raise what ended the sender."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _send_for_ever(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                self._idle = False
                several = self.deltas > 1
                if frame := self.take():
                    await self._deliver(frame)
                    self._sent += len(frame)
                    self.frames += 1
                    await self._shorten()
                self._rest(LONG_PAUSE if several else SHORT_PAUSE)
                self._turned.set()
        finally:
            self._turned.set()

    def _rest(self, seconds: float) -> None:
        if self._timer is not None:  # a flush may have cut the last rest short
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._idle = True
        self._wake()

    async def _deliver(self, frame: Sequence[Entry]) -> None:
        """Append a frame, however often it takes. Raises `errors.Fenced`."""
        for delay in delays():
            await asyncio.sleep(delay)
            try:
                if self._lost:
                    await self._regain(frame[0].number)
                status = await append(self._writer, frame)
            except UNAVAILABLE as error:
                self._unavailable(error, delay)
                continue
            if status in (Append.OK, Append.DUPLICATE):
                return
            self._log.info("log_lost", status=status)
            self._lost = True

    def _unavailable(self, error: Exception, delay: float) -> None:
        """One line for the first of many tries."""
        if not delay:
            self._log.warning("log_unavailable", error=type(error).__name__)

    async def _regain(self, following: int) -> None:
        """Begin the log again with all that was sent, if the claim is still this one."""
        look = (await in_thread(watch, [self._writer.facts.id])).get(self._writer.facts.id)
        if look is None or look.token != self._writer.token or not self._may_show(look.state):
            raise Fenced
        await restore(self._writer, self.entries[: self._sent], following)
        self._based = self._sent
        self._lost = False

    def _may_show(self, state: str) -> bool:
        """After its own end a turn still has to be shown it; who is back in the queue has not."""
        return state in Turn.HELD or self._has_ended

    @property
    def _has_ended(self) -> bool:
        return bool(self.entries) and self.entries[-1].kind is Kind.END

    async def _shorten(self) -> None:
        """Keep the log of a long turn short. Where it fails, the next append finds out why."""
        if self._sent - self._based < BASE_EVERY:
            return
        with contextlib.suppress(*UNAVAILABLE):
            await rebase(self._writer, self.entries[: self._sent])
            self._based = self._sent

    # --- Leaving ------------------------------------------------------------------------------

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(LINGER):
                await self.flush()
                if self._has_ended:
                    await expire(self._writer.facts)
        except UNAVAILABLE as error:  # the timeout among them
            self._log.warning("log_unfinished", error=type(error).__name__)

    async def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
