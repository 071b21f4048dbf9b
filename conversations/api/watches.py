"""Requests that last: whoever's key is revoked meanwhile hears no more than a minute longer."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from django.http import HttpRequest

from conversations import keys
from conversations.api.bearer import secret
from conversations.sockets.base import patience
from conversations.threads import in_thread

KEY_CHECK = 60  # seconds between looks at the key while nothing is asked

Events = AsyncGenerator[list[dict[str, Any]]]
T = TypeVar("T")


async def while_valid(request: HttpRequest, work: Coroutine[Any, Any, T]) -> T:
    """What comes of the work that a request asked for. Raises `InvalidKey`, and as that does."""
    working = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([working], timeout=KEY_CHECK))[0]:
            await _check(request)
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def watched(request: HttpRequest, begin: Callable[[], Events]) -> Events:
    """The events that come once it is begun, as long as the key is valid. Raises `InvalidKey`.

    They come every few seconds, though there may be none among them.
    """
    looked = time.monotonic()
    async with aclosing(begin()) as events:
        async for told in events:
            if time.monotonic() - looked >= KEY_CHECK:
                await _check(request)
                looked = time.monotonic()
            yield told


async def _check(request: HttpRequest) -> None:
    with patience():
        await in_thread(keys.caller, secret(request))
