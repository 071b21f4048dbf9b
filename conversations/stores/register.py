"""The register of newest versions: with it, a sealed state that was moved on from is refused.

One key a conversation in Redis, `agentsite:{conversation}:register`, which expires with the states
that it guards. A request takes the version it begins with, and holds it while its worker lives; only
the very same request (state and message) may take it again, because its reply may have been lost on
the way. Who has lost it all the same gives out no state.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from conversations.errors import ResponseInProgress, VersionConflict
from conversations.stores.redis import PLACE
from workers.redis.connections import transcripts

MOVED_ON = "This state was moved on from; send the newest."

# KEYS register. ARGV version that the state has, the request, seconds that it may take, seconds
# until the states expire. Returns `ok`, `old` with the newest version, or `busy`.
TAKE = """
local at, now = tonumber(ARGV[1]), tonumber(redis.call('TIME')[1])
local known = redis.call('HMGET', KEYS[1], 'newest', 'base', 'request', 'ends')
local newest = tonumber(known[1] or at)
local again = known[2] == ARGV[1] and known[3] == ARGV[2]
if at < newest and not again then return {'old', newest} end
if at == newest and known[2] == ARGV[1] and not again and tonumber(known[4]) > now then
    return {'busy', newest}
end
redis.call('HSET', KEYS[1], 'newest', math.max(at, newest), 'base', ARGV[1], 'request', ARGV[2],
    'ends', now + ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {'ok', newest}
"""
# KEYS register. ARGV version it began with, request, seconds. What has ended stays so.
HOLD = """
local known = redis.call('HMGET', KEYS[1], 'base', 'request', 'ends')
if known[1] == ARGV[1] and known[2] == ARGV[2] and tonumber(known[3]) > 0 then
    redis.call('HSET', KEYS[1], 'ends', redis.call('TIME')[1] + ARGV[3])
end
"""
# KEYS register. ARGV version it began with, request, version it led to, seconds until the states
# expire. Returns 0 where another request has it; one that is gone is begun anew.
MOVE = """
local known = redis.call('HMGET', KEYS[1], 'base', 'request')
if known[1] and (known[1] ~= ARGV[1] or known[2] ~= ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'newest', ARGV[3], 'base', ARGV[1], 'request', ARGV[2], 'ends', 0)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""


def take(conversation: UUID, version: int, request: str, *, seconds: int) -> None:
    """Begin a request at this version. Raises `VersionConflict`, `ResponseInProgress`."""
    arguments: list[str | int] = [version, request, seconds, settings.SEALED_LIFETIME]
    status, newest = _call(TAKE, conversation, arguments)
    if status == b"old":
        raise VersionConflict(MOVED_ON, param="state", current=newest)
    if status == b"busy":
        raise ResponseInProgress


def hold(conversation: UUID, version: int, request: str, *, seconds: int) -> None:
    """Keep others from it for so long; nothing happens once it has ended."""
    _call(HOLD, conversation, [version, request, seconds])


def move(conversation: UUID, version: int, request: str, *, to: int) -> None:
    """End it; `to` is `version` itself where nothing came of it. Raises `VersionConflict`."""
    if not _call(MOVE, conversation, [version, request, to, settings.SEALED_LIFETIME]):
        raise VersionConflict(MOVED_ON, param="state")


def _call(script: str, conversation: UUID, arguments: list[str | int]) -> Any:
    keys = [f"agentsite:{{{conversation.hex}}}:register"]
    run = transcripts().register_script(script)
    return PLACE.ask(lambda: run(keys, arguments), RedisError, OSError)
