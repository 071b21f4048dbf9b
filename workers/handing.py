"""Hands a hint to one worker instead of to whoever comes first; only `queues` and `shift` call it.

settings.DISTRIBUTION: `push` chooses the worker with the most free slots, `hash` always the same
worker for a conversation, by rendezvous hashing, as long as that one is not much busier than the
others. Every worker offers, twice a second, how many slots it has free for each of its queues.
A hint that is handed lies in a list that its worker alone listens to. Where it is not taken at
once it goes to the head of the shared queue: by its worker, which has no slot left or leaves; or,
where the worker is frozen or dead, by whichever other one looks next.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import redis
import structlog
from django.conf import settings

from workers.observing import metrics

PULL, PUSH, HASH = "pull", "push", "hash"
EVERY = 0.5  # seconds between two offers of a worker
LIFETIME = 2500  # ms that an offer counts
PATIENCE = 500  # ms; what lies at the head of a worker's list for longer goes back
# Hints that may lie in a worker's list at once. Whoever is pushed to is idle, or it is no push.
MOST_LYING = {PUSH: 1, HASH: 8}
# A worker counts as much busier than the others from so many turns above their mean on.
FEW, SPREAD = 8, 1.25
BACKSTOP = 3600  # seconds; a list that nobody looks after any more

PREFIX = "agentsite:own:"
OFFERS = "agentsite:offers:"  # a queue's: worker -> `<free slots> <turns in flight> <ms until>`
LYING = "agentsite:lying:"  # a queue's: worker -> the head of its list when it was looked at last

log = structlog.get_logger(__name__)


def own_list(queue: str, worker: str) -> str:
    """The list of hints for one worker."""
    return f"{PREFIX}{queue}:{worker}"


NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# KEYS offers of the queue, the shared queue. ARGV job, distribution, what is hashed, the queue's
# own lists' prefix, MOST_LYING, FEW, SPREAD, BACKSTOP.
# Returns the worker that it was handed to, or '' where the shared queue has it.
PLACE = (
    NOW
    + """
local offers, fit, flying = redis.call('HGETALL', KEYS[1]), {}, 0
for i = 1, #offers, 2 do
    local free, busy, valid = offers[i + 1]:match('(%d+) (%d+) (%d+)')
    if tonumber(valid) > now then
        free, busy = tonumber(free), tonumber(busy)
        flying = flying + busy
        fit[#fit + 1] = {name = offers[i], free = free, busy = busy, valid = valid}
    end
end
local limit = math.max(ARGV[6], math.ceil(ARGV[7] * (flying + 1) / math.max(#fit, 1)))
for _, worker in ipairs(fit) do
    if ARGV[2] == 'hash' then
        worker.rank = redis.sha1hex(ARGV[3] .. ' ' .. worker.name)
    else
        worker.rank = worker.free
    end
end
table.sort(fit, function(a, b)
    if a.rank == b.rank then return a.name < b.name end
    return a.rank > b.rank
end)
for _, worker in ipairs(fit) do
    local own = ARGV[4] .. worker.name
    if worker.free > 0 and (ARGV[2] ~= 'hash' or worker.busy < limit)
        and redis.call('LLEN', own) < tonumber(ARGV[5]) then
        local left = string.format('%d %d ', worker.free - 1, worker.busy + 1) .. worker.valid
        redis.call('HSET', KEYS[1], worker.name, left)
        redis.call('RPUSH', own, ARGV[1])
        redis.call('EXPIRE', own, ARGV[8])
        return worker.name
    end
end
redis.call('RPUSH', KEYS[2], ARGV[1])
return ''
"""
)


def place(pipeline: Any, queue: str, line: str, job: str, *, near: str) -> None:
    """Put a job where settings.DISTRIBUTION wants it; `line` is the key of the shared queue.

    `near`: what has the same goes to the same worker.
    """
    how = settings.DISTRIBUTION
    arguments = (job, how, near, own_list(queue, ""), MOST_LYING[how], FEW, SPREAD, BACKSTOP)
    pipeline.eval(PLACE, 2, OFFERS + queue, line, *arguments)


# KEYS offers of the queue, the shared queue, lying. ARGV the worker, slots that it has free (less
# than 0: it leaves), turns in flight, LIFETIME, PATIENCE, the prefix, BACKSTOP.
# Returns how many hints went back to the head of the shared queue, in their order.
OFFER = (
    NOW
    + """
local back = 0
local function give_back(worker)
    while redis.call('LMOVE', ARGV[6] .. worker, KEYS[2], 'RIGHT', 'LEFT') do back = back + 1 end
    redis.call('HDEL', KEYS[3], worker)
end
if tonumber(ARGV[2]) < 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
    give_back(ARGV[1])
else
    local valid = string.format('%.0f', now + ARGV[4])
    local offer = ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. valid
    if redis.call('HSET', KEYS[1], ARGV[1], offer) > 0 then
        redis.call('EXPIRE', KEYS[1], ARGV[7])
    end
end
if now - (redis.call('HGET', KEYS[3], '') or 0) < tonumber(ARGV[5]) then return back end
redis.call('HSET', KEYS[3], '', string.format('%.0f', now))
for _, key in ipairs({KEYS[1], KEYS[3]}) do redis.call('EXPIRE', key, ARGV[7]) end
local offers = redis.call('HGETALL', KEYS[1])
for i = 1, #offers, 2 do
    local worker = offers[i]
    local gone = tonumber(offers[i + 1]:match('(%d+)$')) <= now
    local head = redis.call('LINDEX', ARGV[6] .. worker, 0)
    if gone or (head and head == redis.call('HGET', KEYS[3], worker)) then
        give_back(worker)
    elseif head then
        redis.call('HSET', KEYS[3], worker, head)
    end
    if gone then redis.call('HDEL', KEYS[1], worker) end
end
return back
"""
)


class Room(Protocol):
    """What an offer tells of a worker's slots."""

    @property
    def used(self) -> int:
        """Jobs that run."""

    def free(self, queue: str) -> int:
        """Slots that the queue could take now."""


class Offers:
    """One worker's offers for its queues; called in threads, for it asks Redis."""

    def __init__(self, worker: str, lines: Mapping[str, str], connection: redis.Redis) -> None:
        """`lines`: the key of each of its shared queues, by name."""
        self._worker = worker
        self._lines = lines
        self._redis = connection

    def make(self, room: Room) -> None:
        """Say what is free; and give back what lies too long, whose ever it is."""
        for queue in self._lines:
            self._tell(queue, room.free(queue), room.used)

    def withdraw(self) -> None:
        """Take no more, and give back what was not fetched."""
        for queue in self._lines:
            self._tell(queue, -1, 0)

    def _tell(self, queue: str, free: int, used: int) -> None:
        keys = (OFFERS + queue, self._lines[queue], LYING + queue)
        arguments = (self._worker, free, used, LIFETIME, PATIENCE, own_list(queue, ""), BACKSTOP)
        try:
            back = self._redis.eval(OFFER, len(keys), *keys, *arguments)
        except redis.RedisError as error:  # then nobody can be handed anything either
            log.warning("offer_failed", queue=queue, reason=type(error).__name__)
            return
        if back:
            log.info("hints_given_back", queue=queue, hints=back)
            metrics.HANDED.labels(how=settings.DISTRIBUTION, outcome="returned").inc(back)
