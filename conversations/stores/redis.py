"""Transcripts in Redis: fast, bounded in time, and gone with it.

Two keys under one hash tag: `agentsite:{conversation}:transcript`, a list of the contents by
number, and `...:transcript:write`, the number of the last write. Both expire together,
settings.REDIS_STORE_LIFETIME after their last use.
"""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from conversations.errors import StoreAway, TranscriptGone
from conversations.stores.base import Keeps
from conversations.stores.foreign import ForeignStore
from conversations.stores.places import HUNG, Place
from workers.redis.connections import transcripts

PLACE = Place()
KEEP = """
local function keep(seconds)
    redis.call('EXPIRE', KEYS[1], seconds)
    redis.call('EXPIRE', KEYS[2], seconds)
end
"""

# KEYS transcript, its last write. ARGV seconds to live, number of the first content, number of the
# write, contents. What lies past the first number is of a transaction that never was committed.
# Returns `ok`; `late` if a later write was here; `gone` if what came before is not here any more.
PUT = (
    KEEP
    + """
local last, first = tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(ARGV[2])
if last >= tonumber(ARGV[3]) then return 'late' end
local count = redis.call('LLEN', KEYS[1])
if count < first then return 'gone' end
if first == 0 then redis.call('DEL', KEYS[1])
elseif count > first then redis.call('LTRIM', KEYS[1], 0, first - 1) end
for i = 4, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
redis.call('SET', KEYS[2], ARGV[3])
keep(ARGV[1])
return 'ok'
"""
)

# KEYS as above. ARGV seconds to live, first number, last number. Returns the contents.
GET = KEEP + "keep(ARGV[1]) return redis.call('LRANGE', KEYS[1], ARGV[2], ARGV[3])"
EXTEND = KEEP + "keep(ARGV[1])"  # KEYS as above. ARGV seconds to live
DROP = "return redis.call('DEL', KEYS[1], KEYS[2])"  # KEYS as above


class RedisStore(ForeignStore):
    """Contents in Redis (settings.REDIS_STORE_URL), which must not evict.

    Keeps the fence, the commit, one line, and what was shown, until it expires: a transcript that
    nobody used for settings.REDIS_STORE_LIFETIME is gone, and so is one whose Redis was lost. Then
    turns fail with `transcript_gone`, and pages say what is missing; nothing begins anew in silence.
    """

    keeps = frozenset(Keeps) - {Keeps.FOR_EVER, Keeps.WITHOUT_REDIS}

    piece = 1_000_000  # in one go, or the second piece would be late

    def put(self, handle: UUID, first: int, write: int, contents: Sequence[str]) -> None:
        status = _call(PUT, handle, settings.REDIS_STORE_LIFETIME, first, write, *contents)
        if status == b"gone":
            raise TranscriptGone
        if status != b"ok":
            raise StoreAway("a later write was here")

    def get(self, handle: UUID, first: int, end: int) -> Mapping[int, str]:
        found = _call(GET, handle, settings.REDIS_STORE_LIFETIME, first, end - 1)
        return {number: content.decode() for number, content in enumerate(found, first)}

    def drop(self, handle: UUID) -> None:
        _call(DROP, handle)

    def extend(self, handle: UUID) -> None:
        _call(EXTEND, handle, settings.REDIS_STORE_LIFETIME)


def _call(script: str, handle: UUID, *arguments: Any) -> Any:
    key = f"agentsite:{{{handle.hex}}}:transcript"
    return PLACE.ask(lambda: _run(script, [key, f"{key}:write"], arguments), RedisError, OSError)


def _run(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Twice if need be: the connection may have been to a server that has restarted since.

    A put that had arrived is then told that it is late, and its transaction begins anew. Who lets
    us wait is not asked again, for a transaction may not.
    """
    run, began = transcripts().register_script(script), monotonic()
    try:
        return run(keys, arguments)
    except ConnectionLost:
        if monotonic() - began >= HUNG:
            raise
        return run(keys, arguments)
