"""The book in Redis (role cache), which all workers share: one script does all that it is asked.

GCRA twice, for requests and for tokens: a time runs ahead of the clock by what was granted, and
may be ahead by the burst at most. The line is in the order of start-time fair queueing: who has
been granted much stands behind who has not, and what nobody else wants anyone may have. A ticket
is granted only if the limit holds out for all before it too, so nobody need hurry.
"""

import json
from dataclasses import asdict

from workers.ratelimit import book
from workers.ratelimit.book import Answer, Exchange, Place, Reason
from workers.ratelimit.terms import Terms
from workers.redis import connections

LIFETIME = 3600  # seconds that a book which nobody asks is kept

CLOCK = """
local function clock()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end
"""

# KEYS state, line, owners, processes. ARGV exchange and terms as JSON, lifetime in seconds.
# Returns {epoch, peers, granted, probe, 1 if lost, {tag, wait, tag, wait...}, wait, reason, 1 if
# the circuit was opened}.
EXCHANGE = """
local asked, lifetime, now = cjson.decode(ARGV[1]), tonumber(ARGV[2]), clock()
local terms, me, max = asked.terms, asked.process, math.max
local FIELDS = {'requests', 'tokens', 'virtual', 'epoch', 'paused', 'failures', 'failing', 'open',
    'rest', 'lease', 'minute', 'asked', 'spent', 'asked_before', 'spent_before'}
local state, probe = {}, redis.call('HGET', KEYS[1], 'probe') or ''
for place, value in ipairs(redis.call('HMGET', KEYS[1], unpack(FIELDS))) do
    state[FIELDS[place]] = tonumber(value) or 0
end
local function price(tokens) return math.ceil(tokens * terms.token) end
local function score(key, member) return tonumber(redis.call('ZSCORE', key, member)) end

local minute = math.floor(now / 60000000)
if minute ~= state.minute then
    local follows = minute == state.minute + 1
    state.asked_before, state.spent_before = follows and state.asked or 0, follows and state.spent or 0
    state.minute, state.asked, state.spent = minute, 0, 0
end

-- The circuit: closed while open is 0; from open on, one probe at a time. A probe that shows life
-- closes it on parole: the next failure opens it, the next whole reply ends that.
local opened = 0
local function rest(time)
    state.rest, state.open, probe, opened = time, now + time, '', 1
end
local function fail(ticket)
    if state.open == 0 then
        if now - state.failing > terms.memory then state.failures = 0 end
        state.failures, state.failing = state.failures + 1, now
        if state.failures >= terms.failures then rest(terms.rest) end
    elseif ticket == probe then
        rest(math.min(2 * state.rest, terms.longest_rest))
    end
end
local function live(ticket, whole)
    if state.open > 0 and ticket == probe then
        state.open, state.failures, state.failing, probe = 0, terms.failures - 1, now, ''
    end
    if whole and state.open == 0 then state.failures = 0 end
end
for _, one in ipairs(asked.settled) do
    state.spent = state.spent + one.tokens
    if one.tokens > 0 then
        state.tokens = max(state.tokens, now) + price(one.tokens)
    elseif one.epoch == state.epoch then
        state.tokens = state.tokens + price(one.tokens)
        state.requests = state.requests - one.requests * terms.request
    end
    if one.outcome == 'failed' then fail(one.ticket)
    elseif one.outcome ~= '' then live(one.ticket, one.outcome == 'ok')
    elseif one.ticket == probe then probe = '' end
end

-- After a pause nothing of the burst is left, and what was reserved before it is void.
if asked.pause > 0 then
    state.paused, state.epoch = max(state.paused, now + asked.pause), state.epoch + 1
    state.requests = max(state.requests, state.paused + terms.request_burst)
    state.tokens = max(state.tokens, state.paused + terms.token_burst)
end

for _, ticket in ipairs(asked.left) do redis.call('ZREM', KEYS[2], ticket) end
local wanted, tags = {}, {}
for place, one in ipairs(asked.entered) do
    tags[place] = score(KEYS[2], one.ticket)
    if not tags[place] then
        tags[place] = max(state.virtual, score(KEYS[3], one.owner) or 0)
        local size = max(1, terms.request, price(one.tokens))
        redis.call('ZADD', KEYS[3], tags[place] + math.ceil(size / one.weight), one.owner)
        redis.call('ZADD', KEYS[2], tags[place], one.ticket)
    end
    wanted[one.ticket] = true
end
for _, ticket in ipairs(asked.wanted) do wanted[ticket] = true end

local function parse(ticket)
    local process, tokens = ticket:match('^(%w+):%d+:(%d+)$')
    return process, price(tonumber(tokens))
end
local known = {[me] = false}
local function is_gone(process)
    if known[process] == nil then
        known[process] = (score(KEYS[4], process) or 0) + terms.grace < now
    end
    return known[process]
end

-- A process names its first in line. Its own before the last of them that it does not name is nobody's
-- any more: who waited for it got a place elsewhere, or left when no book could be told.
local mine, edge, line, swept = me .. ':', not asked.more and math.huge
for place = #asked.wanted, 1, -1 do
    edge = edge or redis.call('ZRANK', KEYS[2], asked.wanted[place])
end
edge = edge or 0
repeat
    line, swept = redis.call('ZRANGE', KEYS[2], 0, terms.looked_at - 1, 'WITHSCORES'), 0
    for at = 1, math.min(#line, 2 * edge), 2 do
        if line[at]:sub(1, #mine) == mine and not wanted[line[at]] then
            swept = swept + redis.call('ZREM', KEYS[2], line[at])
        end
    end
    edge = edge - swept
until swept == 0

-- Down the line for as long as the limit holds out; what is not this process's is set aside.
local spare_requests = now + terms.request_burst - max(state.requests, now)
local spare_tokens = now + terms.token_burst - max(state.tokens, now)
local going = now >= state.paused
    and (state.open == 0 or (now >= state.open and (probe == '' or now >= state.lease)))
local granted, places, ahead, count = {}, {}, 0, 0
for at = 1, #line, 2 do
    local ticket, process, need = line[at], parse(line[at])
    if going and is_gone(process) then
        redis.call('ZREM', KEYS[2], ticket)
    else
        going = going and spare_requests >= terms.request
            and spare_tokens >= math.min(need, terms.token_burst)
        if going then
            spare_requests, spare_tokens = spare_requests - terms.request, spare_tokens - need
        end
        if going and wanted[ticket] then
            redis.call('ZREM', KEYS[2], ticket)
            granted[#granted + 1] = ticket
            state.requests = max(state.requests, now) + terms.request
            state.tokens = max(state.tokens, now) + need
            state.virtual = max(state.virtual, tonumber(line[at + 1]))
            state.asked = state.asked + 1
            state.spent = state.spent + tonumber(ticket:match('%d+$'))
            wanted[ticket] = nil
            if state.open > 0 then probe, state.lease, going = ticket, now + terms.probe, false end
        else
            places[ticket] = {count, ahead}
            count, ahead = count + 1, ahead + need
        end
    end
end

-- When it will be a ticket's turn, if nobody comes before it. Far down the line, by the average.
local health = state.open > now and state.open or state.open > 0 and now + terms.look_again or now
local function wait(ticket)
    local place, _, need = places[ticket], parse(ticket)
    if not place then
        local rank = redis.call('ZRANK', KEYS[2], ticket)
        if not rank then return nil end
        place = {rank, math.ceil(ahead * rank / max(count, 1))}
    end
    local turn = max(now, state.paused, health)
    if terms.request > 0 then
        turn = max(turn, max(state.requests, now) + (place[1] + 1) * terms.request - terms.request_burst)
    end
    if terms.token > 0 then
        local own = math.min(need, terms.token_burst)
        turn = max(turn, max(state.tokens, now) + place[2] + own - terms.token_burst)
    end
    return turn - now
end
local earliest, lost, told = -1, 0, {}
local function consider(ticket)
    local time = wanted[ticket] and wait(ticket)
    if time and (earliest < 0 or time < earliest) then earliest = time end
    return time
end
for _, ticket in ipairs(asked.wanted) do
    if wanted[ticket] and not consider(ticket) then lost = 1 end
end
for place, one in ipairs(asked.entered) do
    told[2 * place - 1], told[2 * place] = tags[place], consider(one.ticket) or 0
end
local reason = state.open > 0 and 'provider_down'
    or state.paused > now and 'provider_paused' or 'provider_busy'

redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', state.virtual)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - terms.forgotten)
redis.call('ZADD', KEYS[4], now + max(earliest, 0), me)
local values = {'probe', probe}
for _, field in ipairs(FIELDS) do
    values[#values + 1], values[#values + 2] = field, string.format('%.0f', state[field])
end
redis.call('HSET', KEYS[1], unpack(values))
lifetime = lifetime + math.ceil(max(state.paused - now, state.open - now, 0) / 1000000)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, lifetime) end
return {state.epoch, redis.call('ZCARD', KEYS[4]), granted, probe, lost, told, earliest, reason,
    opened}
"""


def keys(name: str) -> list[str]:
    """One hash tag for each budget."""
    return [
        f"agentsite:{{limit:{name}}}:{part}" for part in ("state", "line", "owners", "processes")
    ]


def packed(asked: Exchange, terms: Terms) -> str:
    return json.dumps({**asdict(asked), "terms": book.written(terms)})


def unpacked(found: list) -> Answer:
    epoch, peers, granted, probe, lost, told, wait, reason, opened = found
    return Answer(
        epoch=epoch,
        peers=peers,
        granted=[ticket.decode() for ticket in granted],
        probe=probe.decode(),
        lost=bool(lost),
        places=[Place(*pair) for pair in zip(told[::2], told[1::2], strict=True)],
        wait=wait,
        reason=Reason(reason.decode()),
        opened=bool(opened),
    )


class SharedBook:
    """The book of a budget in Redis."""

    def __init__(self, name: str, terms: Terms) -> None:
        self._keys = keys(name)
        self._terms = terms

    async def exchange(self, asked: Exchange) -> Answer:
        """One round trip, never repeated. Raises redis.RedisError, OSError."""
        script = connections.shared().register_script(CLOCK + EXCHANGE)
        return unpacked(await script(self._keys, [packed(asked, self._terms), LIFETIME]))
