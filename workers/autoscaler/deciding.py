"""The decision: how large a pool is to be. Pure, a function of what is seen and remembered.

A pool grows when its load is above the upper threshold, by what is needed to bring it there and by
a step at most. It shrinks when its load has been below the lower one for a whole cooldown, to no
less than what keeps the load below the upper threshold and than what has to be done fits into. So
it never shrinks into growing again, and a moment's silence takes nobody away. After any change it
rests: a cooldown until it may grow, another until it may shrink. Only a size outside the bounds is
mended at once.
"""

from dataclasses import dataclass, replace
from math import ceil, inf

from workers.autoscaler.signals import Load
from workers.pools import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A pool at one moment."""

    at: float  # seconds, of any clock that only goes forward
    size: int  # processes that run or start
    load: Load
    busy: int = 0  # jobs that run or wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the next decision has to know of the earlier ones."""

    changed: float = -inf  # when its size changed
    calm_since: float | None = None  # when its load fell below the lower threshold


@dataclass(frozen=True, slots=True)
class Decision:
    """The size from now on, and why."""

    size: int
    wanted: int
    reason: str

    @property
    def changes(self) -> bool:
        return self.wanted != self.size


def decide(pool: Pool, seen: Seen, memory: Memory) -> tuple[Decision, Memory]:
    """What to do, and what to remember if it is done."""
    is_calm = seen.load.each(seen.size) < pool.scaling.lower
    since = seen.at if memory.calm_since is None else memory.calm_since
    memory = replace(memory, calm_since=since if is_calm else None)
    wanted, reason = _choose(pool, seen, memory)
    if wanted != seen.size:
        memory = replace(memory, changed=seen.at)
    return Decision(seen.size, wanted, reason), memory


def _choose(pool: Pool, seen: Seen, memory: Memory) -> tuple[int, str]:
    rule = pool.scaling
    load = seen.load.each(seen.size)
    told = f"{rule.signal} is {load:.3g}"
    if (bounded := min(max(seen.size, pool.minimum), pool.maximum)) != seen.size:
        return bounded, f"its bounds are {pool.minimum} to {pool.maximum}"
    if seen.size == 0 and seen.busy:
        return _grow(pool, seen, memory, f"{seen.busy} to do and no process")
    if load > rule.upper:
        return _grow(pool, seen, memory, f"{told}, above {rule.upper:g}")
    if load < rule.lower:
        return _shrink(pool, seen, memory, f"{told}, below {rule.lower:g}")
    return seen.size, f"{told}, between {rule.lower:g} and {rule.upper:g}"


def _grow(pool: Pool, seen: Seen, memory: Memory, told: str) -> tuple[int, str]:
    rule = pool.scaling
    if seen.size == pool.maximum:
        return seen.size, f"{told}, but {pool.maximum} is the maximum"
    if (left := memory.changed + rule.up_cooldown - seen.at) > 0:
        return seen.size, f"{told}, may grow in {left:.0f} s"
    most = min(seen.size + rule.step, pool.maximum)
    if not seen.load.shared:
        return most, told
    return min(max(_needed(pool, seen), seen.size + 1), most), told


def _shrink(pool: Pool, seen: Seen, memory: Memory, told: str) -> tuple[int, str]:
    rule = pool.scaling
    if seen.size == pool.minimum:
        return seen.size, f"{told}, but {pool.minimum} is the minimum"
    rests_since = max(memory.changed, memory.calm_since or -inf)
    if (left := rests_since + rule.down_cooldown - seen.at) > 0:
        return seen.size, f"{told}, may shrink in {left:.0f} s"
    least = max(pool.minimum, seen.size - rule.step, ceil(seen.busy / pool.slots))
    if seen.load.shared:
        least = max(least, _needed(pool, seen))
    if least >= seen.size:
        return seen.size, f"{told}, but all are needed for what there is to do"
    return least, told


def _needed(pool: Pool, seen: Seen) -> int:
    """Processes among which the load is not above the upper threshold."""
    return ceil(min(max(seen.load.total, 0) / pool.scaling.upper, pool.maximum))
