"""A gate before a worker's queues: closed as long as anybody has a reason to keep it closed.

Draining, a paused pool, a lost presence, a dependency that is away: each closes it under its own
name and opens it under that name only. Any thread may ask and tell.
"""

import asyncio
import threading


class Gate:
    """Open while there is no reason against it."""

    def __init__(self, *reasons: str) -> None:
        """`reasons`: why it is closed from the start."""
        self._reasons = set(reasons)
        self._changed = threading.Condition()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

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
                self._wake()

    def wait(self, seconds: float) -> bool:
        """From a thread: until it is open; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_open, seconds)

    async def until_open(self) -> None:
        """From an event loop: until it is open."""
        while True:
            with self._changed:
                if self.is_open:
                    return
                waiting = asyncio.get_running_loop(), asyncio.Event()
                self._waiting.append(waiting)
            try:
                await waiting[1].wait()
            finally:
                with self._changed:
                    self._waiting = [other for other in self._waiting if other is not waiting]

    def _wake(self) -> None:
        for loop, event in self._waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
