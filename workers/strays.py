"""Work that goes on although it was cancelled: a tool may swallow that, or wait in a thread.

Who was to wait for it leaves it behind after a grace, so that it holds up nobody's turn. It is
counted while it goes on, and ends with its process at the latest.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from workers.observing import metrics

GRACE = 2.0  # seconds that a tool which is cancelled has to put things in order

log = structlog.get_logger(__name__)
T = TypeVar("T")

_strays: set[asyncio.Task[Any]] = set()  # a loop alone does not keep a task from being collected


class Exited(Exception):
    """A tool raised SystemExit; raised by a task, that would end the whole loop."""

    def __init__(self, how: SystemExit) -> None:
        super().__init__()
        self.how = how


async def attended(work: Coroutine[Any, Any, T], *, tool: str) -> T:
    """What a tool's work returns or raises; where this task is cancelled, it has GRACE to end."""
    task = asyncio.create_task(_no_exit(work), name=tool)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        has_ended = not task.cancel()  # in this very moment: then the cancel is not its own
        if has_ended or not await _ends(task):
            raise
    try:
        return task.result()
    except Exited as error:
        raise error.how from None


async def dismiss(*, within: float) -> None:
    """Cancel all other tasks of this loop; those that do not end in so many seconds are left."""
    if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=within)


async def _ends(task: asyncio.Task[Any]) -> bool:
    """Whether it does so within GRACE; else it is left behind."""
    try:
        await asyncio.wait([task], timeout=GRACE)
    finally:
        if not task.done():
            _leave(task)
    return task.done()


async def _no_exit(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except SystemExit as error:
        raise Exited(error) from error


def _leave(task: asyncio.Task[Any]) -> None:
    log.error("tool_left_behind", tool=task.get_name())
    metrics.STRAYS.labels(task.get_name()).inc()
    _strays.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    log.warning("tool_ended_late", tool=task.get_name(), error=error and type(error).__name__)
    metrics.STRAYS.labels(task.get_name()).dec()
    _strays.discard(task)
