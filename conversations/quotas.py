"""How many requests a key, or a person, may make: a bucket in Redis (role `cache`) for all replicas."""

from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from workers.observing import metrics
from workers.redis import connections

MINUTE = 60_000  # milliseconds

log = structlog.get_logger(__name__)

# A bucket of as many tokens as a minute has requests, which fills evenly: one time tells its
# level, that at which it is full again (GCRA).
# KEYS full. ARGV milliseconds between two tokens, size. Returns {admitted 0 or 1, tokens left,
# milliseconds until it is full, milliseconds until there is a token}. Redis' own clock.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local each, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + each
local over = full - now - each * size
if over > 0 then
    return {0, 0, math.ceil(full - each - now), math.ceil(over)}
end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now) + 1)
return {1, math.floor((each * size - (full - now)) / each + 0.001), math.ceil(full - now), 0}
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of the requests."""

    admitted: bool
    limit: int  # requests a minute
    remaining: int
    reset: float  # seconds until all of it is there again
    wait: float  # seconds until the next request; 0 if it may come now


def take(holder: str, limit: int) -> Quota | None:
    """Count a request. None: without a limit, or nobody counts while Redis is away."""
    if not limit:
        return None
    name = f"agentsite:{{{holder}}}:requests"
    try:
        found = connections.cache().eval(TAKE, 1, name, MINUTE / limit, limit)
    except (RedisError, OSError) as error:
        log.warning("quota.not_counted", error=type(error).__name__)
        return None
    admitted, remaining, reset, wait = found
    if not admitted:
        metrics.LIMITED.labels("key").inc()
    return Quota(bool(admitted), limit, remaining, reset / 1000, wait / 1000)
