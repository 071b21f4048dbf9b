"""The channel layer's groups, published to past the layer, in its own format."""

from typing import Any
from uuid import UUID

import msgpack
from django.conf import settings

from workers.redis import connections
from workers.redis.pipelining import Pipelining


def group(conversation: UUID) -> str:
    """The channel layer's group that every tab of a conversation joins."""
    return f"conversation_{conversation.hex}"


def channel(conversation: UUID) -> str:
    """Where the layer listens for that group; a contract test asks the layer itself."""
    return f"{settings.CHANNEL_PREFIX}__group__{group(conversation)}"


def server(conversation: UUID) -> Pipelining:
    """The running loop's way to the server that carries the group, and its turns' logs."""
    return connections.live(channel(conversation))


async def announce(conversation: UUID, message: dict[str, Any]) -> None:
    """Tell every tab of a conversation something that no log holds."""
    await server(conversation).execute("PUBLISH", channel(conversation), msgpack.packb(message))


def dissolve(conversation: UUID) -> None:
    """Tell every tab, from a thread, that the conversation is gone. Raises as `publish` does."""
    connections.publish(channel(conversation), msgpack.packb({"type": "conversation.deleted"}))
