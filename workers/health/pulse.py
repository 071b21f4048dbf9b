"""The pulse of an event loop: that it turns, when it last did, and how late it was."""

import asyncio
from time import monotonic

from workers.observing import metrics

BEAT = 0.25  # seconds


class Pulse:
    """Beats on the loop from `start` until `stop`; its numbers may be read from any thread."""

    def __init__(self, role: str) -> None:
        self.beats = 0
        self.turned = monotonic()  # when the loop last turned
        self._lag = metrics.LOOP_LAG.labels(role)
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From any thread; a loop that does not run yet beats when it does."""
        loop.call_soon_threadsafe(self._beat, loop, None)

    def stop(self) -> None:
        """Likewise."""
        self._stopped = True

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float | None) -> None:
        if due is not None:
            self._lag.observe(max(loop.time() - due, 0))
        self.beats += 1
        self.turned = monotonic()
        if not self._stopped:
            self._timer = loop.call_later(BEAT, self._beat, loop, loop.time() + BEAT)
