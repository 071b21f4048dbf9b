"""How a worker process obeys its orders: it closes its gate, and opens it again.

Paused, it lets run what runs. Drained, it does as on SIGTERM: what takes longer than the grace is
handed back at its last checkpoint; but the process stays, and goes on when it is resumed.
"""

import asyncio
from collections.abc import Callable

import structlog
from django.conf import settings

from workers.orders import Orders
from workers.running.gates import Gate

DRAINED, PAUSED = "drained", "pool paused"  # reasons of the gate

log = structlog.get_logger(__name__)


class Obedience:
    """Of one process; it is told its orders again and again, and acts where they change."""

    def __init__(
        self, gate: Gate, loop: asyncio.AbstractEventLoop, *, hand_back: Callable[[], None]
    ) -> None:
        """`hand_back` is called in the loop when the grace of a drain is over."""
        self._gate = gate
        self._loop = loop
        self._hand_back = hand_back
        self._orders = Orders()
        self._alarm: asyncio.TimerHandle | None = None

    def obey(self, orders: Orders) -> None:
        """From any thread."""
        if orders == self._orders:
            return
        for reason, holds in ((DRAINED, orders.drained), (PAUSED, orders.paused)):
            (self._gate.close if holds else self._gate.open)(reason)
        if orders.drained != self._orders.drained:
            self._loop.call_soon_threadsafe(self._set_alarm, orders.drained)
        self._orders = orders
        log.info("orders_obeyed", drained=orders.drained, paused=orders.paused)

    def _set_alarm(self, drained: bool) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        grace = settings.WORKER_GRACE
        self._alarm = self._loop.call_later(grace, self._hand_back) if drained else None
