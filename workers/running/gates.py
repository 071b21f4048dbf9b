"""A gate before a worker's queues: closed as long as anybody has a reason to keep it closed.

Draining, a paused pool, a lost presence, a dependency that is away: each closes it under its own
name and opens it under that name only. Any thread may ask and tell.
"""

import threading


class Gate:
    """Open while there is no reason against it."""

    def __init__(self, *reasons: str) -> None:
        """`reasons`: why it is closed from the start."""
        self._reasons = set(reasons)
        self._changed = threading.Condition()

    @property
    def reasons(self) -> frozenset[str]:
        """Why it is closed; empty: it is open."""
        with self._changed:
            return frozenset(self._reasons)

    @property
    def is_open(self) -> bool:
        return not self._reasons

    def close(self, reason: str) -> None:
        """Nothing more is fetched; the same reason twice is one."""
        with self._changed:
            self._reasons.add(reason)

    def open(self, reason: str) -> None:
        """Take a reason away; nothing happens where it was none."""
        with self._changed:
            self._reasons.discard(reason)
            if not self._reasons:
                self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """From a thread: until it is open; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_open, seconds)
