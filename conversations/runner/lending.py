"""What an agent's functions borrow of their worker: threads, and the connections opened in them.

A thread has a connection from its first query on, and Django takes it back at the end of a request.
A turn is none, so without this a tool that asks the database would keep one of the pool's for ever,
or one that is broken.
"""

import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync
from django.db import close_old_connections
from pydantic_ai import Agent

THREADS = 40  # plain functions that run at once, of all agents in this process

P = ParamSpec("P")
T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """Threads whose connections go back to the pool after each call."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        def lent() -> T:
            try:
                return function(*args, **kwargs)
            finally:
                close_old_connections()

        return super().submit(lent)


_threads: list[Threads] = []
os.register_at_fork(after_in_child=_threads.clear)  # threads do not survive a fork


@asynccontextmanager
async def lent() -> AsyncIterator[None]:
    """While the block runs, plain functions of agents are called in these threads."""
    if not _threads:
        _threads.append(Threads(THREADS, thread_name_prefix="agents"))
    try:
        with Agent.using_thread_executor(_threads[0]):
            yield
    finally:
        give_back()


def give_back() -> None:
    """The connection of the one thread of Django's asynchronous ORM, once that has time.

    Nobody waits for it: a slow query of one agent would hold up the turns of all.
    """
    SyncToAsync.single_thread_executor.submit(close_old_connections)
