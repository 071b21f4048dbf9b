"""What people see of the budgets: how much is used, who waits, what is paused or given up."""

import time
from dataclasses import dataclass
from typing import Literal

from django.conf import settings

from workers.ratelimit.either import BUDGETS
from workers.ratelimit.script import LIFETIME, keys
from workers.ratelimit.terms import MINUTE, SECOND, Terms, terms
from workers.redis import connections

FIELDS = ("minute", "asked", "spent", "asked_before", "spent_before", "paused", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One provider and model. Uses are of the last minute, an estimate; limits of 0 are none."""

    name: str  # provider/model
    requests_per_minute: float
    tokens_per_minute: float
    requests_used: float
    tokens_used: float
    waiting: int  # requests of all workers
    paused: float  # seconds that are left of a pause that the provider asked for
    circuit: Literal["closed", "open", "probing"]
    opens: float  # seconds until a probe goes
    processes: int  # that asked in the last minute


def state() -> list[Budget]:
    """Each budget that was used lately, by name. Synchronous. Raises redis.RedisError, OSError."""
    if not settings.PROVIDER_LIMITS:
        return []
    used = connections.cache().zrangebyscore(BUDGETS, time.time() - LIFETIME, "+inf")
    found = [_budget(str(name, "utf-8")) for name in used]  # type: ignore[arg-type]
    return sorted((budget for budget in found if budget), key=lambda budget: budget.name)


def _budget(name: str) -> Budget | None:
    permitted = terms(name)
    book, line, _, processes = keys(name)
    with connections.cache().pipeline(transaction=False) as pipeline:
        pipeline.hmget(book, FIELDS)
        pipeline.zcard(line)
        pipeline.zcard(processes)
        values, waiting, asking = pipeline.execute()
    if permitted is None or values[0] is None:
        return None
    return _read(name, permitted, dict(zip(FIELDS, map(int, values), strict=True)), waiting, asking)


def _read(
    name: str, permitted: Terms, book: dict[str, int], waiting: int, processes: int
) -> Budget:
    now = time.time() * SECOND
    requests, tokens = _used(book, now)
    opens = (book["open"] - now) / SECOND
    return Budget(
        name=name,
        requests_per_minute=permitted.requests_per_minute,
        tokens_per_minute=permitted.tokens_per_minute,
        requests_used=requests,
        tokens_used=max(tokens, 0),
        waiting=waiting,
        paused=max((book["paused"] - now) / SECOND, 0),
        circuit="closed" if not book["open"] else "open" if opens > 0 else "probing",
        opens=max(opens, 0),
        processes=processes,
    )


def _used(book: dict[str, int], now: float) -> tuple[float, float]:
    """Requests and tokens of the last minute: this one's, and as much of the one before as is in it."""
    minute, into = divmod(now, MINUTE)
    if minute == book["minute"]:
        part = 1 - into / MINUTE
        return (
            book["asked"] + part * book["asked_before"],
            book["spent"] + part * book["spent_before"],
        )
    part = max(1 - into / MINUTE, 0) if minute == book["minute"] + 1 else 0
    return part * book["asked"], part * book["spent"]
