"""Connections whose commands can be cancelled at any moment."""

import asyncio
from collections.abc import Iterable
from typing import Any

import redis
from redis.asyncio.connection import AbstractConnection


class Cancellable(AbstractConnection):
    """Writes under `asyncio.timeout`.

    redis-py writes under `asyncio.wait_for`, which before Python 3.12 swallows a cancel that comes
    in the moment in which the write is done: a task would go on that everybody takes for stopped.
    """

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        """Raises redis.TimeoutError after `socket_timeout`, connecting included."""
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            raise redis.TimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


def cancellable(kind: type[Any]) -> type[Any]:
    """The same kind of connection, over TCP, TLS, a Unix socket or by Sentinels, made cancellable."""
    return type(kind.__name__, (Cancellable, kind), {})
