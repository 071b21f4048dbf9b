"""While the place of a store's transcripts is away its turns wait on the loop: threads are shared."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog

from conversations.errors import StoreAway
from conversations.threads import in_thread
from conversations.turns import commits

P = ParamSpec("P")
T = TypeVar("T")

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
