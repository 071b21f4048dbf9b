"""Whether a process lives, asked as an orchestrator would: from outside, again and again.

A probe gets the process's id and tells whether it is well; None: it says nothing. That is no sign
of death: it may just start, or its disk may be full.
"""

from collections.abc import Callable
from dataclasses import dataclass

from workers.health import status

EVERY = 10.0  # seconds
FAILURES = 3  # in a row, after which a process is started again

Probe = Callable[[int], bool | None]


@dataclass
class Vitals:
    """Of one process, from its start."""

    due: float = 0.0
    was_well: bool = False  # one that still starts is left in peace
    failures: int = 0

    def are_gone(self, probe: Probe, pid: int, now: float) -> bool:
        """Whether to start it again; asks when it is time. `now` is a monotonic clock's."""
        if now < self.due:
            return False
        self.due = now + EVERY
        answer = probe(pid)
        self.was_well = self.was_well or answer is True
        self.failures = self.failures + 1 if self.was_well and answer is False else 0
        return self.failures >= FAILURES


def worker(pid: int) -> bool | None:
    """By what a worker says of itself."""
    told = status.of(pid)
    return None if told is None else not told.faults(status.now())
