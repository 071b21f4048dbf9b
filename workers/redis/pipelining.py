"""One pipeline for all that a loop asks of a server: what is asked while a trip is under way goes together with the next.

A connection for each command would be too many where a thousand turns stream, and each would wait
for one of a few. So it costs a trip for as many commands as there are at that moment, and nothing
waits for more of them to come.
"""

import asyncio
from collections.abc import Sequence
from copy import copy
from typing import Any

import redis
import redis.asyncio

from workers.redis.scripts import digest

MOST = 100  # commands a trip: the first of them waits for the replies to all

Call = tuple[tuple[Any, ...], asyncio.Future[Any]]


class Pipelining:
    """A client whose commands go together, in the order in which they were asked for.

    Who is cancelled waits no longer; his command may run all the same. A trip that fails, fails all
    that wait, so that a server that hangs costs its timeout once; nothing is repeated here.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._calls: list[Call] = []  # for the next trip
        self._travelling: asyncio.Task[None] | None = None

    async def execute(self, *command: Any) -> Any:
        """The reply to a command. Raises redis.RedisError, OSError."""
        reply = asyncio.get_running_loop().create_future()
        self._calls.append((command, reply))
        if self._travelling is None or self._travelling.done():
            self._travelling = asyncio.create_task(self._travel(), name="pipelining")
        return await reply

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What a Lua script returns. Raises redis.RedisError, OSError."""
        values = [len(keys), *keys, *arguments]
        try:
            return await self.execute("EVALSHA", digest(script), *values)
        except redis.exceptions.NoScriptError:  # nothing has run
            return await self.execute("EVAL", script, *values)

    async def aclose(self) -> None:
        """Nothing travels any more; who still waits is cancelled. The client stays open."""
        if self._travelling is not None:
            self._travelling.cancel()
            await asyncio.gather(self._travelling, return_exceptions=True)
        cancel(self._calls)

    async def _travel(self) -> None:
        while self._calls:
            calls, self._calls = self._calls[:MOST], self._calls[MOST:]
            try:
                replies = await self._trip([command for command, _ in calls])
            except Exception as error:  # noqa: BLE001 - nobody else tells those who wait
                calls, self._calls = [*calls, *self._calls], []
                replies = [error] * len(calls)
            except asyncio.CancelledError:
                cancel(calls)
                raise
            for (_, reply), found in zip(calls, replies, strict=True):
                settle(reply, found)

    async def _trip(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)


def cancel(calls: Sequence[Call]) -> None:
    for _, reply in calls:
        reply.cancel()


def settle(reply: asyncio.Future[Any], found: Any) -> None:
    """Tell the one who waits, if he still does."""
    if reply.done():
        return
    if isinstance(found, Exception):
        reply.set_exception(copy(found))  # each raises one of his own
    else:
        reply.set_result(found)
