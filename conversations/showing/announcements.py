"""What one replica tells the sockets of a conversation on all of them.

Only hints: a socket that misses one finds the same in the rows, of a deletion when it is opened anew.
So nothing here ever raises.
"""

from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from conversations import streams
from conversations.models import Turn
from conversations.showing.snapshots import facts_of

log = structlog.get_logger(__name__)


def acceptance(turn: Turn, agent: str) -> dict[str, Any]:
    """The message that a turn was accepted: all that its first two events and its input need."""
    return {
        "type": "turn.accepted",
        "turn": turn.pk.hex,
        "number": turn.number,
        "facts": facts_of(turn, agent).packed(),
        "input": turn.input,
    }


async def announce(conversation_id: UUID, message: dict[str, Any]) -> None:
    """Send it to every socket of the conversation."""
    try:
        await streams.announce(conversation_id, message)
    except (RedisError, OSError) as error:
        log.warning("announcement.lost", kind=message["type"], error=type(error).__name__)


async def announce_deletion(turn: Turn) -> None:
    """Have every socket of its conversation show a turn no more: its row is gone."""
    await announce(turn.conversation_id, {"type": "turn.deleted", "turn": turn.pk.hex})


async def announce_change(conversation_id: UUID) -> None:
    """Have every socket of the conversation look at the rows: no log tells what became of a turn."""
    await announce(conversation_id, {"type": "turn.changed"})
