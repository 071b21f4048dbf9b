"""Hot copies: the newest messages of a transcript at one version, in Redis (role `cache`).

A copy is only ever what the rows are at its version, so a reader who names the version that he
wants can trust it, however late a fill or an append arrives. Nothing here raises: without Redis
there are no copies, and nobody asks for some seconds.

One key a conversation, which expires: a list of messages after a header, `<version> <earlier>
<size>`. One key, because Redis may evict one of two.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from workers.observing import metrics
from workers.redis.connections import cache

MESSAGES = 200  # the most that a copy holds; an agent's window is smaller
SIZE = 262_144  # bytes of them, the newest message aside
LIFETIME = 3600  # seconds after the last use
REST = 5  # seconds without copies after Redis failed

log = structlog.get_logger(__name__)
_rests_until = 0.0  # time.monotonic()


@dataclass(frozen=True, slots=True)
class Copy:
    """The newest messages at a version."""

    version: int
    earlier: int  # messages before them
    messages: tuple[str, ...]


# What the scripts have in common. ARGV[1..3] are LIFETIME, MESSAGES, SIZE. `push` adds the
# messages from ARGV[first] on to a list without its header, drops the oldest, and ends with the
# header and the expiry.
COMMON = """
local function header()
    local found = redis.call('LINDEX', KEYS[1], 0)
    if not found then return nil end
    local version, earlier, size = found:match('(%d+) (%d+) (%d+)')
    return tonumber(version), tonumber(earlier), tonumber(size)
end
local function push(version, earlier, size, first)
    for i = first, #ARGV do
        redis.call('RPUSH', KEYS[1], ARGV[i])
        size = size + #ARGV[i]
    end
    local count = redis.call('LLEN', KEYS[1])
    while count > tonumber(ARGV[2]) or (count > 1 and size > tonumber(ARGV[3])) do
        size = size - #redis.call('LPOP', KEYS[1])
        count, earlier = count - 1, earlier + 1
    end
    redis.call('LPUSH', KEYS[1], version .. ' ' .. earlier .. ' ' .. size)
    redis.call('EXPIRE', KEYS[1], ARGV[1])
end
"""

# KEYS copy. ARGV common, version before, version after, messages.
# A transcript begins empty at version 0, and nothing is the copy of that.
# Returns `appended`; `kept` if the copy is as new or newer; `dropped` if it missed something.
APPEND = (
    COMMON
    + """
local version, earlier, size = header()
if not version then version, earlier, size = 0, 0, 0 end
if version > tonumber(ARGV[4]) then return 'kept' end
if version ~= tonumber(ARGV[4]) then
    redis.call('DEL', KEYS[1])
    return 'dropped'
end
redis.call('LPOP', KEYS[1])
push(ARGV[5], earlier, size, 6)
return 'appended'
"""
)


def append(handle: UUID, before: int, messages: Sequence[str]) -> str | None:
    """Follow a commit that made `before + 1` of version `before` by adding these messages."""
    status: bytes | None = _call(APPEND, handle, before, before + 1, *messages)
    return status.decode() if status else None


# KEYS copy. ARGV common, version, messages before the first, messages.
# Returns `filled`, or `kept` if the copy is as new or newer.
FILL = (
    COMMON
    + """
local version = header()
if version and version >= tonumber(ARGV[4]) then return 'kept' end
redis.call('DEL', KEYS[1])
push(ARGV[4], tonumber(ARGV[5]), 0, 6)
return 'filled'
"""
)


def fill(handle: UUID, copy: Copy) -> str | None:
    """Keep what was read from committed rows."""
    newest = copy.messages[-MESSAGES:]
    earlier = copy.earlier + len(copy.messages) - len(newest)
    status: bytes | None = _call(FILL, handle, copy.version, earlier, *newest)
    return status.decode() if status else None


# KEYS copy. ARGV common, the fewest messages wanted (0: all there are), versions that will do.
# Returns {version, messages before the first, messages}, or false.
READ = (
    COMMON
    + """
local version, earlier = header()
local wanted = false
for i = 5, #ARGV do wanted = wanted or version == tonumber(ARGV[i]) end
local newest, count = tonumber(ARGV[4]), redis.call('LLEN', KEYS[1]) - 1
if not wanted or (earlier > 0 and (newest == 0 or newest > count)) then return false end
redis.call('EXPIRE', KEYS[1], ARGV[1])
if newest == 0 or newest > count then newest = count end
return {version, earlier + count - newest, redis.call('LRANGE', KEYS[1], 1 + count - newest, -1)}
"""
)


def read(handle: UUID, *versions: int, newest: int = 0) -> Copy | None:
    """The copy, if it has one of the versions and as many of the newest messages as wanted."""
    found = _call(READ, handle, newest, *versions)
    metrics.CACHE.labels("transcript", "hit" if found else "miss").inc()
    if not found:
        return None
    version, earlier, messages = found
    return Copy(version, earlier, tuple(message.decode() for message in messages))


FORGET = "return redis.call('DEL', KEYS[1])"  # KEYS copy


def forget(handle: UUID) -> None:
    """Drop the copy."""
    _call(FORGET, handle)


EXTEND = "return redis.call('EXPIRE', KEYS[1], ARGV[1])"  # KEYS copy. ARGV common


def extend(handle: UUID) -> None:
    """Keep the copy for another LIFETIME."""
    _call(EXTEND, handle)


def _call(script: str, handle: UUID, *arguments: Any) -> Any:
    """What the script returns, or None while Redis fails."""
    global _rests_until  # noqa: PLW0603 - one for all threads; a race costs one more try
    if time.monotonic() < _rests_until:
        return None
    key = f"agentsite:{{{handle.hex}}}:hot"
    try:
        return cache().register_script(script)([key], [LIFETIME, MESSAGES, SIZE, *arguments])
    except (RedisError, OSError) as error:
        _rests_until = time.monotonic() + REST
        log.warning("hot_copies_unavailable", error=type(error).__name__, seconds=REST)
        return None
