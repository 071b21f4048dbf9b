"""Whether work gets on: an idle service is well, one where work waits and none succeeds is not."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known at one moment, by one clock."""

    now: datetime
    waiting_since: datetime | None  # the oldest work that waits; None: nothing does
    succeeded_at: datetime | None  # the last success; None: none is known

    @property
    def oldest_waiting(self) -> float:
        """Seconds, over any number of days; 0: nothing waits."""
        return seconds(self.now - self.waiting_since) if self.waiting_since else 0.0

    @property
    def since_success(self) -> float | None:
        """Seconds, over any number of days; None: none is known."""
        return seconds(self.now - self.succeeded_at) if self.succeeded_at else None

    def is_stuck(self, patience: float) -> bool:
        """Whether work waits, and nothing has succeeded, both for longer than `patience` seconds."""
        if self.oldest_waiting <= patience:
            return False
        return self.since_success is None or self.since_success > patience


def seconds(time: timedelta) -> float:
    """All of it: `timedelta.seconds` begins anew each day. Clocks that disagree make none negative."""
    return max(time.total_seconds(), 0.0)
