"""Ends the process when its event loop is stuck: a lease renewed for a stuck loop would lie."""

import asyncio
import faulthandler
import threading

import structlog

from workers.health import systemd
from workers.health.pulse import Pulse
from workers.observing import farewells

log = structlog.get_logger(__name__)

LOOK = 0.5  # seconds
EXIT_STUCK = 70  # EX_SOFTWARE of sysexits.h


class Watchdog(threading.Thread):
    """Sees the loop's pulse from a thread.

    It counts its own looks, not time: a process that was frozen as a whole has missed none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pulse: Pulse, *, limit: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop = loop
        self._limit = limit  # seconds
        self._pulse = pulse
        self._stopping = threading.Event()

    def start(self) -> None:
        self._pulse.start(self._loop)
        systemd.tell(systemd.READY)
        super().start()

    def stop(self) -> None:
        self._pulse.stop()
        self._stopping.set()

    def run(self) -> None:
        missed, last = 0, -1
        while not self._stopping.wait(LOOK):
            missed = missed + 1 if self._pulse.beats == last else 0
            last = self._pulse.beats
            if not missed:
                systemd.tell(systemd.ALIVE)
            if missed * LOOK > self._limit:
                log.critical("event_loop_stuck", seconds=missed * LOOK)
                faulthandler.dump_traceback()
                farewells.leave(EXIT_STUCK)
