"""The threads in which an event loop's synchronous work is done: few, and never the loop's own."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.conf import settings

P = ParamSpec("P")
T = TypeVar("T")

_executors: list[ThreadPoolExecutor] = []
os.register_at_fork(after_in_child=_executors.clear)  # threads do not survive a fork


def _executor() -> ThreadPoolExecutor:
    """As many threads as connections: what waits for one waits here, and blocks nobody."""
    if not _executors:
        size = settings.DATABASE_POOL_SIZE or os.cpu_count() or 1
        _executors.append(ThreadPoolExecutor(size, thread_name_prefix="database"))
    return _executors[0]


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it in one of the threads; its database connection goes back to the pool afterwards."""
    call = database_sync_to_async(function, thread_sensitive=False, executor=_executor())
    return await call(*args, **kwargs)


async def unbroken(deed: Coroutine[Any, Any, T]) -> T:
    """Its result, even if this task is cancelled meanwhile: then the next await is cut short.

    For writes: who is cancelled in the middle of one must know whether it was committed.
    """
    inner = asyncio.ensure_future(deed)
    try:
        return await asyncio.shield(inner)
    except asyncio.CancelledError:
        me = asyncio.current_task()
        if me is None or inner.cancelled():
            raise
        try:
            return await inner
        finally:
            me.uncancel()
            me.cancel()
