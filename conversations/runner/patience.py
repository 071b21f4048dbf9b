"""Waiting for what is away, on the loop: the threads are everybody's."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from conversations.errors import StoreAway
from conversations.threads import in_thread
from conversations.turns import commits

P = ParamSpec("P")
T = TypeVar("T")

AWAY = (OperationalError, InterfaceError)  # PostgreSQL is, for longer than `turns` waits for it
PAUSE = 1  # seconds between two tries for which there is no end

log = structlog.get_logger(__name__)


async def borne(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `in_thread`, and again while it raises `StoreAway`, for as long as PostgreSQL is awaited.

    Who raises that has committed nothing.
    """
    now = asyncio.get_running_loop().time
    deadline, pause = now() + commits.PATIENCE, commits.FIRST_PAUSE
    while True:
        try:
            return await in_thread(function, *args, **kwargs)
        except StoreAway as error:
            if now() + pause > deadline:
                raise
            log.warning("store_away", error=str(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, commits.LONGEST_PAUSE)


async def until_back(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `in_thread`, until it is done: nobody else can do it for as long as this worker lives."""
    while True:
        try:
            return await in_thread(function, *args, **kwargs)
        except AWAY:
            await asyncio.sleep(PAUSE)
