"""How the turns of the last hour went: the time to their first words, and what they came to.

Ids are in the order of time, so the last hour is the end of the primary key; of a busy one only
the newest turns are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from conversations.admin.operations.charts import Figure, Window, chart
from conversations.admin.timeline import duration
from conversations.ids import first_id
from conversations.models import Turn

HOUR = timedelta(hours=1)
BIN = timedelta(minutes=5)
NEWEST = 20_000  # turns that are read

RECENT = """
WITH recent AS MATERIALIZED (
    SELECT state, error ->> 'code' AS code, created, first_token
    FROM conversations_turn WHERE id >= %(first)s ORDER BY id DESC LIMIT %(newest)s
)
"""
FIRST_TOKENS = f"""
{RECENT}
SELECT date_bin(%(bin)s, created, %(start)s) AS begun,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
        ORDER BY extract(epoch FROM first_token - created)::float
    ), count(*)
FROM recent WHERE first_token IS NOT NULL
GROUP BY GROUPING SETS ((date_bin(%(bin)s, created, %(start)s)), ())
ORDER BY begun
"""  # noqa: S608 - a statement of ours
OUTCOMES = f"""
{RECENT}
SELECT state, coalesce(code, ''), count(*) FROM recent GROUP BY 1, 2 ORDER BY 3 DESC
"""  # noqa: S608 - a statement of ours


@dataclass(frozen=True, slots=True)
class Failure:
    """Turns that failed for one reason."""

    code: str
    count: int


@dataclass(frozen=True)
class FirstTokens:
    """Seconds from accept to the first words, half of the turns and 95 % of them."""

    p50: float | None
    p95: float | None
    count: int
    bins: Sequence[tuple[datetime, float, float]]
    window: Window

    @property
    def words(self) -> str:
        """Of the whole hour."""
        if self.p50 is None or self.p95 is None:
            return "none yet"
        return f"{duration(self.p50)} for half, {duration(self.p95)} for 95 %"

    @property
    def figure(self) -> Figure:
        middle = BIN / 2
        halves = [(at + middle, p50) for at, p50, _ in self.bins]
        most = [(at + middle, p95) for at, _, p95 in self.bins]
        return Figure(
            "To the first words",
            now=self.words,
            peak=duration(max(value for _, value in most)) if most else "",
            lines=chart({"p95": most, "p50": halves}, self.window),
        )


@dataclass(frozen=True)
class Outcomes:
    """The turns of the last hour by state, and the failed ones by reason."""

    states: dict[str, int]
    failures: Sequence[Failure]

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Of each state: its name, its name in words, how many."""
        return [(state, Turn.State(state).label, count) for state, count in self.states.items()]

    @property
    def count(self) -> int:
        return sum(self.states.values())

    @property
    def is_cut(self) -> bool:
        """Whether there were more than were read."""
        return self.count >= NEWEST


def first_tokens(now: datetime) -> FirstTokens:
    """One query."""
    *bins, (_, whole, count) = _rows(FIRST_TOKENS, now)
    p50, p95 = whole or (None, None)
    window = Window(now - HOUR, now, 2 * BIN.total_seconds())
    return FirstTokens(p50, p95, count, [(at, *values) for at, values, _ in bins], window)


def outcomes(now: datetime) -> Outcomes:
    """One query."""
    states: dict[str, int] = dict.fromkeys(Turn.State.values, 0)
    failures = []
    for state, code, count in _rows(OUTCOMES, now):
        states[state] += count
        if state == Turn.State.FAILED:
            failures.append(Failure(code or "unknown", count))
    return Outcomes(states, failures)


def _rows(statement: str, now: datetime) -> list[tuple]:
    start = now - HOUR
    values: dict[str, Any] = {
        "first": first_id(start),
        "newest": NEWEST,
        "bin": BIN,
        "start": start,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
