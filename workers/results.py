"""Results that all workers share for a while: one caller computes, the others wait (role cache).

Who computes holds a lease and renews it, so the death of its process frees the others soon. While
Redis is away everyone computes for himself.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

import structlog
from redis.exceptions import RedisError

from workers.observing import metrics
from workers.redis.connections import shared

LEASE = 6  # seconds without a renewal until another may compute
RENEWAL = 2  # seconds
PAUSES = (0.02, 0.25)  # seconds between two looks of who waits: at first, at last
LONGEST = 256 * 1024  # bytes of a result that is kept
UNAVAILABLE = (RedisError, OSError)

log = structlog.get_logger(__name__)
Result = dict[str, Any]

# KEYS result, lease. ARGV token, lease in ms. Returns the result, 1 if the lease is ours, else 0.
TAKE = """
local result = redis.call('GET', KEYS[1])
if result then return result end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[2]) == ARGV[1] and 1 or 0
"""
# KEYS lease. ARGV token, lease in ms.
RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
# KEYS result, lease. ARGV token, result (empty: none to keep), its life in ms.
LEAVE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
redis.call('DEL', KEYS[2])
"""


def keys(name: str) -> list[str]:
    """`name` says all that the result depends on."""
    digest = sha256(name.encode()).hexdigest()
    return [f"agentsite:{{result:{digest}}}:{part}" for part in ("kept", "lease")]


async def once(
    name: str,
    compute: Callable[[], Awaitable[Result]],
    *,
    seconds: float,
    patience: float,
    is_kept: Callable[[Result], bool],
) -> Result:
    """The result under this name; computed here if nobody has it or is about to.

    It is kept for so many `seconds` if `is_kept` says so. After `patience` seconds of waiting for
    another it is computed here all the same.
    """
    token = secrets.token_bytes(12)
    try:
        async with asyncio.timeout(patience):
            found = await _take(name, token)
    except (*UNAVAILABLE, TimeoutError) as error:
        log.warning("result_unshared", error=type(error).__name__)
        metrics.CACHE.labels("tool", "error").inc()
        return await compute()
    if found is not None:
        return found
    async with _leased(name, token, seconds) as keep:
        result = await compute()
        if is_kept(result):
            keep(result)
        return result


async def _take(name: str, token: bytes) -> Result | None:
    """The result, as soon as there is one; None: it is for us to compute."""
    pause, longest = PAUSES
    script, waited = shared().register_script(TAKE), False
    while (found := await script(keys(name), [token, round(LEASE * 1000)])) == 0:
        await asyncio.sleep(pause)
        pause, waited = min(2 * pause, longest), True
    if found == 1:
        metrics.CACHE.labels("tool", "miss").inc()
        return None
    metrics.CACHE.labels("tool", "waited" if waited else "hit").inc()
    kept: Result = json.loads(found)
    return kept


@asynccontextmanager
async def _leased(
    name: str, token: bytes, seconds: float
) -> AsyncGenerator[Callable[[Result], None]]:
    """While the block runs, the lease holds; then the result that it gave is kept."""
    result = b""

    def keep(found: Result) -> None:
        nonlocal result
        written = json.dumps(found).encode()
        result = written if len(written) <= LONGEST else b""

    renewing = asyncio.create_task(_renew(name, token), name="result")
    try:
        yield keep
    finally:
        renewing.cancel()
        leave = shared().register_script(LEAVE)
        with suppress(*UNAVAILABLE):  # the lease ends by itself
            await leave(keys(name), [token, result, round(seconds * 1000)])


async def _renew(name: str, token: bytes) -> None:
    renew = shared().register_script(RENEW)
    while True:
        await asyncio.sleep(RENEWAL)
        with suppress(*UNAVAILABLE):
            await renew(keys(name)[1:], [token, round(LEASE * 1000)])
