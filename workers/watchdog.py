"""Ends the process when its event loop is stuck: a lease renewed for a stuck loop would lie."""

import asyncio
import faulthandler
import os
import threading

import structlog

log = structlog.get_logger(__name__)

LOOK = 0.5  # seconds
EXIT_STUCK = 70  # EX_SOFTWARE of sysexits.h


class Watchdog(threading.Thread):
    """Sees the loop's pulse from a thread.

    It counts its own looks, not time: a process that was frozen as a whole has missed none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, limit: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop = loop
        self._limit = limit  # seconds
        self._pulse = 0
        self._stopping = threading.Event()

    def start(self) -> None:
        self._loop.call_soon_threadsafe(self._beat)
        super().start()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        missed, last = 0, -1
        while not self._stopping.wait(LOOK):
            missed = missed + 1 if self._pulse == last else 0
            last = self._pulse
            if missed * LOOK > self._limit:
                log.critical("event_loop_stuck", seconds=missed * LOOK)
                faulthandler.dump_traceback()
                os._exit(EXIT_STUCK)

    def _beat(self) -> None:
        self._pulse += 1
        if not self._stopping.is_set():
            self._loop.call_later(LOOK / 2, self._beat)
