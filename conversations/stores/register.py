"""The register of newest versions: with it, a sealed state that was moved on from is refused.

One key a conversation in Redis, `agentsite:{conversation}:register`, which expires with the states
that it guards. A request takes the version it begins with; only the very same request (state and
message) may take it again, because its reply may have been lost on the way.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError

from conversations.errors import ResponseInProgress, VersionConflict
from conversations.stores.redis import PLACE
from workers.redis.connections import transcripts

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
# KEYS register. ARGV version it began with, request, version it led to.
MOVE = """
local known = redis.call('HMGET', KEYS[1], 'base', 'request')
if known[1] == ARGV[1] and known[2] == ARGV[2] then
    redis.call('HSET', KEYS[1], 'newest', ARGV[3], 'ends', 0)
end
"""


def take(conversation: UUID, version: int, request: str, *, seconds: int) -> None:
    """Begin a request at this version. Raises `VersionConflict`, `ResponseInProgress`."""
    arguments: list[str | int] = [version, request, seconds, settings.SEALED_LIFETIME]
    status, newest = _call(TAKE, conversation, arguments)
    if status == b"old":
        raise VersionConflict("This state was moved on from; send the newest.", current=newest)
    if status == b"busy":
        raise ResponseInProgress


def move(conversation: UUID, version: int, request: str, *, to: int) -> None:
    """End it; `to` is `version` itself where nothing came of it."""
    _call(MOVE, conversation, [version, request, to])


def _call(script: str, conversation: UUID, arguments: list[str | int]) -> Any:
    keys = [f"agentsite:{{{conversation.hex}}}:register"]
    run = transcripts().register_script(script)
    return PLACE.ask(lambda: run(keys, arguments), RedisError, OSError)
