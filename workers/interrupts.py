"""How a job in flight is stopped from outside; the job asks `current()` why.

Firing sets the reason, then cancels the task. A job that has something to put in order catches
the CancelledError, reads the reason, does its last writes and returns.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class Reason(StrEnum):
    """Why a job is asked to stop."""

    STOPPED = "stopped"  # somebody pressed Stop: the work ends as cancelled
    TIMED_OUT = "timed_out"  # it took longer than it may: the work ends as failed
    DRAINING = "draining"  # this process goes: hand the work back as it stands
    ABANDONED = "abandoned"  # this process no longer counts as alive: write nothing


class Interrupt:
    """The handle of one job; `fire` may be called from any thread, the first reason wins."""

    __slots__ = ("_loop", "_task", "reason")

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self._task: asyncio.Task[object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def fire(self, reason: Reason) -> None:
        """Stop the job now, or as soon as it starts; once: its last writes are not cut short."""
        if self.reason is not None:
            return
        self.reason = reason
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cancel)

    @contextmanager
    def armed(self, timeout: float | None = None) -> Iterator[None]:
        """While the block runs, firing cancels it; after `timeout` seconds it fires by itself."""
        self._loop = asyncio.get_running_loop()
        self._task = task = asyncio.current_task()
        token = _current.set(self)
        alarm = None
        if timeout is not None and timeout > 0:  # RQ says -1 for no limit
            alarm = self._loop.call_later(timeout, self.fire, Reason.TIMED_OUT)
        try:
            if self.reason is not None:
                raise asyncio.CancelledError
            yield
        finally:
            _current.reset(token)
            self._task = None
            if task is not None and task.cancelling():
                task.uncancel()
            if alarm is not None:
                alarm.cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


_current: ContextVar[Interrupt | None] = ContextVar("interrupt", default=None)


def current() -> Interrupt | None:
    """The interrupt of the job that asks; None outside a job."""
    return _current.get()
