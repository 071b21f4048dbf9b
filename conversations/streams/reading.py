"""Reading a turn's log from any number, and letting it go."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import msgpack

from conversations.streams.groups import server
from conversations.traces import Entry, expand, merge, unpack

KEPT = 300  # seconds that a log outlives its turn; later the rows tell the same


def keys(turn: UUID) -> list[str]:
    return [f"agentsite:{{{turn.hex}}}:head", f"agentsite:{{{turn.hex}}}:log"]


class Logged(Protocol):
    """A turn, as its facts or as its row: its log is where its conversation is told of it."""

    @property
    def id(self) -> UUID: ...

    @property
    def conversation_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Read:
    """A log at one moment."""

    token: UUID
    attempt: int
    next: int
    entries: tuple[Entry, ...]  # after the cursor


# KEYS head, log. ARGV cursor. Returns {token, attempt, next}, then base or false and the stream
# entries if there is anything after the cursor; false if there is no log.
READ = """
local head = redis.call('HMGET', KEYS[1], 'token', 'attempt', 'next', 'based')
if not head[1] or redis.call('EXISTS', KEYS[2]) == 0 then return false end
local found, wanted = {head[1], head[2], head[3]}, tonumber(ARGV[1]) + 1
if wanted >= tonumber(head[3]) then return found end
local base = head[4] and wanted < tonumber(head[4]) and redis.call('HGET', KEYS[1], 'base')
found[4], found[5] = base or false, redis.call('XRANGE', KEYS[2], '-', '+')
return found
"""


async def read(turn: Logged, after: int = -1) -> Read | None:
    """The entries with an event after number `after`, and whose log it is, at one moment."""
    found = await server(turn.conversation_id).run(READ, keys(turn.id), [after])
    if not found:
        return None
    token, attempt, following, *tail = found
    entries = as_entries(*tail) if tail else ()
    unseen = tuple(entry for entry in entries if entry.following > after + 1)
    return Read(UUID(bytes=token), int(attempt), int(following), unseen)


def as_entries(base: bytes | None, frames: Sequence[Any]) -> tuple[Entry, ...]:
    based = expand(msgpack.unpackb(base)) if base else ()
    return merge(based, *(unpack(msgpack.unpackb(fields[1])) for _, fields in frames))


async def expire(turn: Logged, *, seconds: int = KEPT) -> None:
    """Let the log of a turn that has ended go; 0 forgets it now."""
    execute = server(turn.conversation_id).execute
    await asyncio.gather(*(execute("EXPIRE", key, seconds) for key in keys(turn.id)))
