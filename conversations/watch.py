"""Whether somebody wants a running turn to stop: one look every 100 ms for all turns of a process.

Who stops a turn also publishes it, and the worker that hears of it looks at once.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from redis.exceptions import RedisError

from conversations import hints, turns
from conversations.models import Turn
from conversations.threads import in_thread
from workers.interrupts import Interrupt, Reason
from workers.redis import connections

INTERVAL = 0.1  # seconds between two looks
DEAF = 1  # seconds until a lost subscription is tried again

log = structlog.get_logger(__name__)
_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, "Watch"] = WeakKeyDictionary()


class Watch:
    """The turns that run on one event loop; it looks only while there are some."""

    def __init__(self) -> None:
        self._running: dict[UUID, tuple[UUID, Interrupt]] = {}
        self._due = asyncio.Event()  # a look, before its time
        self._looking: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, turn_id: UUID, token: UUID, interrupt: Interrupt) -> Iterator[None]:
        self._running[turn_id] = (token, interrupt)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name="watch")
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen_on(), name="listen")
        try:
            yield
        finally:
            if self._running.get(turn_id) == (token, interrupt):
                del self._running[turn_id]

    async def _look_on(self) -> None:
        has_failed = False
        while self._running:
            with suppress(TimeoutError):  # most turns of a fast agent are over before a look
                async with asyncio.timeout(INTERVAL):
                    await self._due.wait()
            self._due.clear()
            if not self._running:
                return
            try:
                await self._look()
                has_failed = False
            except Exception:
                if not has_failed:  # ten lines a second would tell no more
                    log.exception("watch_failed", turns=len(self._running))
                has_failed = True

    async def _listen_on(self) -> None:
        """For as long as the loop runs: the next turn may begin at any moment."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, ValueError) as error:  # the last: no id of a turn
                log.warning("stops_unheard", error=type(error).__name__)
            await asyncio.sleep(DEAF)

    async def _listen(self) -> None:
        async with aclosing(connections.heard(hints.stops())) as heard:
            async for turn in heard:
                if UUID(bytes=turn) in self._running:
                    self._due.set()

    async def _look(self) -> None:
        asked = dict(self._running)
        looks = await in_thread(turns.watch, tuple(asked))
        for turn_id, watched in asked.items():
            token, interrupt = watched
            reason = reason_to_stop(looks.get(turn_id), token)
            if reason and self._running.get(turn_id) == watched:  # not ended in the meantime
                interrupt.fire(reason)


def reason_to_stop(look: turns.Look | None, token: UUID) -> Reason | None:
    """Why the claim with this token should stop; None: it goes on."""
    if look is None or look.token != token or look.state != Turn.State.RUNNING:
        return Reason.ABANDONED
    return None if look.cancel_requested == Turn.CancelRequest.NONE else Reason.STOPPED


@contextmanager
def over(turn_id: UUID, token: UUID, interrupt: Interrupt) -> Iterator[None]:
    """While the block runs, whoever cancels the turn or takes it away fires the interrupt."""
    loop = asyncio.get_running_loop()
    with _watches.setdefault(loop, Watch()).over(turn_id, token, interrupt):
        yield
