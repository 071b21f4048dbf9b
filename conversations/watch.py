"""Whether somebody wants a running turn to stop: one look every 100 ms for all turns of a process."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog

from conversations import turns
from conversations.models import Turn
from conversations.threads import in_thread
from workers.interrupts import Interrupt, Reason

INTERVAL = 0.1  # seconds

log = structlog.get_logger(__name__)
_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, "Watch"] = WeakKeyDictionary()


class Watch:
    """The turns that run on one event loop; it looks only while there are some."""

    def __init__(self) -> None:
        self._running: dict[UUID, tuple[UUID, Interrupt]] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, turn_id: UUID, token: UUID, interrupt: Interrupt) -> Iterator[None]:
        self._running[turn_id] = (token, interrupt)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_on(), name="watch")
        try:
            yield
        finally:
            if self._running.get(turn_id) == (token, interrupt):
                del self._running[turn_id]

    async def _look_on(self) -> None:
        while self._running:
            await asyncio.sleep(INTERVAL)  # most turns of a fast agent are over before a look
            if not self._running:
                return
            try:
                await self._look()
            except Exception:
                log.exception("watch_failed", turns=len(self._running))

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
