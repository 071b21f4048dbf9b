"""What a running turn is at, beside its log: no numbers, no replay, the last word counts.

A note is kept under its name for tabs that join later, and published to those that are there.
"""

from typing import Any
from uuid import UUID

import msgpack

from conversations.streams.groups import channel, server

LIFETIME = 3600  # seconds after the last note

# KEYS notes. ARGV name, note (empty: none any more), lifetime in seconds, channel, message.
NOTE = """
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
"""


def _key(turn: UUID) -> str:
    return f"agentsite:{{{turn.hex}}}:notes"


async def note(
    conversation: UUID, turn: UUID, name: str, frame: dict[str, Any], *, is_over: bool = False
) -> None:
    """Tell every tab of the conversation, and those to come until it is over.

    `frame` is what clients see, with its type. Raises redis.RedisError, OSError.
    """
    message = {"type": "turn.noted", "turn": turn.hex, "frame": frame}
    await server(conversation).run(
        NOTE,
        [_key(turn)],
        [
            name,
            b"" if is_over else msgpack.packb(frame),
            LIFETIME,
            channel(conversation),
            msgpack.packb(message),
        ],
    )


async def notes(conversation: UUID, turn: UUID) -> list[dict[str, Any]]:
    """The frames of a turn that are not over. Raises redis.RedisError, OSError."""
    found = await server(conversation).execute("HGETALL", _key(turn))
    return [msgpack.unpackb(frame) for frame in found.values()]


async def forget_notes(conversation: UUID, turn: UUID) -> None:
    """What a dead attempt was at, nobody is at any more. Raises redis.RedisError, OSError."""
    await server(conversation).execute("DEL", _key(turn))
