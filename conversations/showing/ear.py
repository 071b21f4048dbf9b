"""What is heard of one conversation, by whoever has no socket."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self
from uuid import UUID

import structlog
from channels.layers import get_channel_layer

from conversations import streams
from conversations.sockets.base import LAYER_TIMEOUT, UNAVAILABLE
from conversations.sockets.standing import Guard

log = structlog.get_logger(__name__)
Message = Mapping[str, Any]


class Ear:
    """Hears what is announced to a conversation, or nothing while Redis is away."""

    def __init__(self, conversation_id: UUID, guard: Guard | None = None) -> None:
        self._layer: Any = get_channel_layer()
        self._guard = guard
        self._groups = [streams.group(conversation_id), *(guard.groups if guard else ())]
        self._channel: str | None = None
        self._is_deaf = False  # the layer failed while it was listened to
        self._next: asyncio.Future[Message] | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                self._channel = await self._layer.new_channel()
                for group in self._groups:
                    await self._layer.group_add(group, self._channel)
        except UNAVAILABLE as error:
            log.warning("listening.deaf", error=type(error).__name__)
        except asyncio.CancelledError:  # nobody will come to `__aexit__`
            await self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._next:
            self._next.cancel()
        await self._leave()

    async def _leave(self) -> None:
        if self._channel is None:
            return
        with suppress(*UNAVAILABLE):
            async with asyncio.timeout(LAYER_TIMEOUT):
                await self._layer.leave(self._channel, self._groups)

    async def hear(self, seconds: float) -> Message | None:
        """The next message; None if there is none for so long. Raises as its guard does."""
        message = await self._heard(seconds)
        if self._guard:
            await self._guard.look(message)
        return message

    async def _heard(self, seconds: float) -> Message | None:
        if self._channel is None or self._is_deaf:
            await asyncio.sleep(seconds)
            return None
        # Waited for again and again, because the layer forgets a channel whose wait is cancelled.
        self._next = self._next or asyncio.ensure_future(self._layer.receive(self._channel))
        done, _ = await asyncio.wait([self._next], timeout=seconds)
        if not done:
            return None
        listener, self._next = self._next, None
        try:
            return listener.result()
        except UNAVAILABLE as error:
            log.warning("listening.deaf", error=type(error).__name__)
            self._is_deaf = True
            return None
