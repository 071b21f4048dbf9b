"""How many frames one socket may send."""

import time
from collections.abc import Callable
from enum import Enum, auto

from workers.observing import metrics

BURST = 40  # frames at once
RATE = 10.0  # frames a second for ever
PATIENCE = 100  # frames refused in a row until the socket is closed


class Verdict(Enum):
    """What becomes of a frame."""

    ADMITTED = auto()
    REFUSED = auto()
    FLOODING = auto()


class Flood:
    """A bucket of `BURST` tokens that fills at `RATE`; a frame takes one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = float(BURST)
        self._refused = 0
        self._seen = clock()

    def judge(self) -> Verdict:
        """Count a frame."""
        now = self._clock()
        self._tokens = min(BURST, self._tokens + (now - self._seen) * RATE)
        self._seen = now
        if self._tokens >= 1:
            self._tokens -= 1
            self._refused = 0
            return Verdict.ADMITTED
        self._refused += 1
        metrics.LIMITED.labels("socket").inc()
        return Verdict.FLOODING if self._refused > PATIENCE else Verdict.REFUSED
