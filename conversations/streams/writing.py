"""Writing a turn's log: what the one claim that may write it does, each in one script."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import msgpack

from conversations.errors import Fenced
from conversations.facts import TurnFacts
from conversations.streams.groups import channel, server
from conversations.streams.reading import as_entries, keys
from conversations.traces import Entry, beginning, condense, opening, pack

FIRST = 3  # the number after a turn's opening


class Append(StrEnum):
    """What became of an append."""

    OK = "ok"
    DUPLICATE = "duplicate"  # this very frame is in the log already: its reply was lost
    LOST = "lost"  # this claim's log is not there: ask PostgreSQL, then `restore`
    FENCED = "fenced"  # another claim opened the log: ask PostgreSQL, then stop


@dataclass(frozen=True, slots=True)
class Writer:
    """The claim that writes a log."""

    facts: TurnFacts
    token: UUID
    attempt: int  # from 1
    follows: int | None = None  # the next number, where the rows have all that was shown

    @property
    def skipped_to(self) -> int:
        """The number to go on from where nobody knows how much was shown: the one gap allowed."""
        return beginning(self.attempt) if self.follows is None else self.follows


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that is the writer's now."""

    next: int  # the number of the first new entry
    entries: tuple[Entry, ...]  # so far
    lost: bool  # an earlier attempt may have shown more than these


EMPTY = b"\x90"  # [] in msgpack


def _prefix(writer: Writer) -> bytes:
    """The layer's form of a frame up to its entries, which the scripts put behind it."""
    message = {
        "type": "turn.entries",
        "turn": writer.facts.id.hex,
        "token": writer.token.hex,
        "attempt": writer.attempt,
        "entries": [],
    }
    return bytes(msgpack.packb(message)).removesuffix(EMPTY)


# What every script knows. A restart may bring old data back, and with it a claim that was fenced
# since; INFO tells the run, for 3 of the 12 microseconds that an append takes.
COMMON = """
local lifetime = 3600 -- seconds after the last entry
local function run()
    return redis.call('INFO', 'server'):match('run_id:(%w+)') or ''
end
local function keep()
    redis.call('EXPIRE', KEYS[1], lifetime)
    redis.call('EXPIRE', KEYS[2], lifetime)
end
"""

# KEYS head, log. ARGV token, attempt, opening frame, number to begin at, number to begin at where
# more may have been shown, channel, prefix, empty frame.
# Returns {next, 1 if lost else 0, base or false, stream entries}, or false if fenced.
OPEN = (
    COMMON
    + """
local attempt, frame = tonumber(ARGV[2]), ARGV[3]
local head = redis.call('HMGET', KEYS[1], 'attempt', 'next', 'run', 'base')
if head[1] and tonumber(head[1]) > attempt then return false end
local here, following, lost = run(), head[2], false
if redis.call('EXISTS', KEYS[1], KEYS[2]) < 2 then
    redis.call('DEL', KEYS[1], KEYS[2])
    redis.call('XADD', KEYS[2], attempt .. '-0', 'e', frame)
    lost = attempt > 1 or head[1]
    following, head[4] = lost and ARGV[5] or ARGV[4], false
else
    frame, lost = ARGV[8], head[3] ~= here
    if lost and tonumber(following) < tonumber(ARGV[5]) then following = ARGV[5] end
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'attempt', ARGV[2], 'next', following,
    'run', here, 'channel', ARGV[6], 'prefix', ARGV[7])
keep()
redis.call('PUBLISH', ARGV[6], ARGV[7] .. frame)
return {tonumber(following), lost and 1 or 0, head[4], redis.call('XRANGE', KEYS[2], '-', '+')}
"""
)


async def open_log(writer: Writer) -> Opened:
    """Take the log over from lower attempts, or begin it. PostgreSQL has confirmed the claim.

    May be repeated. Raises `errors.Fenced` where a higher attempt has opened it.
    """
    found = await server(writer.facts.conversation_id).run(
        OPEN,
        keys(writer.facts.id),
        [
            writer.token.bytes,
            writer.attempt,
            msgpack.packb(pack(opening(writer.facts))),
            FIRST,
            writer.skipped_to,
            channel(writer.facts.conversation_id),
            _prefix(writer),
            EMPTY,
        ],
    )
    if not found:
        raise Fenced
    following, lost, base, frames = found
    return Opened(following, as_entries(base, frames), bool(lost))


# KEYS head, log. ARGV token, number of the frame's first event, number after its last, frame.
# Returns a value of Append.
APPEND = (
    COMMON
    + """
local head = redis.call('HMGET', KEYS[1], 'token', 'next', 'run', 'attempt', 'channel', 'prefix')
if not head[1] or not redis.call('INFO', 'server'):find(head[3], 1, true) then return 'lost' end
if head[1] ~= ARGV[1] then return 'fenced' end
local id = head[4] .. '-' .. ARGV[2]
if head[2] ~= ARGV[2] then
    local there = redis.call('XRANGE', KEYS[2], id, id)[1]
    return there and there[2][2] == ARGV[4] and 'duplicate' or 'lost'
end
if not redis.call('XADD', KEYS[2], 'NOMKSTREAM', id, 'e', ARGV[4]) then return 'lost' end
redis.call('HSET', KEYS[1], 'next', ARGV[3])
keep()
redis.call('PUBLISH', head[5], head[6] .. ARGV[4])
return 'ok'
"""
)


async def append(writer: Writer, entries: Sequence[Entry]) -> Append:
    """Log and publish one frame: entries with consecutive numbers. May be repeated unchanged."""
    frame = msgpack.packb(pack(entries))
    status = await server(writer.facts.conversation_id).run(
        APPEND,
        keys(writer.facts.id),
        [writer.token.bytes, entries[0].number, entries[-1].following, frame],
    )
    return Append(status.decode())


# KEYS head, log. ARGV token, attempt, next, base, channel, prefix. Returns 1, or 0 if fenced.
# An empty stream has to exist, because `append` makes none.
RESTORE = (
    COMMON
    + """
local attempt = redis.call('HGET', KEYS[1], 'attempt')
if attempt and tonumber(attempt) > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('XADD', KEYS[2], '0-1', 'e', '')
redis.call('XDEL', KEYS[2], '0-1')
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'attempt', ARGV[2], 'next', ARGV[3], 'run', run(),
    'base', ARGV[4], 'based', ARGV[3], 'channel', ARGV[5], 'prefix', ARGV[6])
keep()
return 1
"""
)


async def restore(writer: Writer, entries: Sequence[Entry], following: int) -> None:
    """Begin the log again with everything so far as its base; `following` is the next number.

    PostgreSQL has confirmed the claim. Raises `errors.Fenced` as `open_log` does.
    """
    ours = await server(writer.facts.conversation_id).run(
        RESTORE,
        keys(writer.facts.id),
        [
            writer.token.bytes,
            writer.attempt,
            following,
            msgpack.packb(condense(entries)),
            channel(writer.facts.conversation_id),
            _prefix(writer),
        ],
    )
    if not ours:
        raise Fenced


# KEYS head, log. ARGV token, next, base. Returns 1 if the base was taken. It is refused where it
# is not the whole of the log, so nothing is ever trimmed that it does not hold.
REBASE = """
local head = redis.call('HMGET', KEYS[1], 'token', 'next', 'attempt')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'base', ARGV[3], 'based', ARGV[2])
redis.call('XTRIM', KEYS[2], 'MINID', '=', head[3] .. '-' .. head[2])
return 1
"""


async def rebase(writer: Writer, entries: Sequence[Entry]) -> bool:
    """Put all entries of the log into its base, so that a long turn's log stays short."""
    taken = await server(writer.facts.conversation_id).run(
        REBASE,
        keys(writer.facts.id),
        [writer.token.bytes, entries[-1].following, msgpack.packb(condense(entries))],
    )
    return bool(taken)
