"""What the last hour brought: the time to first words that came in it, the turns that ended in it.

However long ago they were accepted. What was entered or copied, and answered by nobody here, is
left out. Of a busy hour only the newest turns are read.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from conversations import census
from conversations.admin.operations.charts import Figure, Window, chart
from conversations.admin.timeline import duration
from conversations.models import Turn

HOUR = timedelta(hours=1)
BIN = timedelta(minutes=5)
NEWEST = 20_000  # ended turns that are read

# By the index turn_ended_by_state, from the end of each state.
ENDED = """
SELECT ended.* FROM unnest(%(ended)s::text[]) AS of (state), LATERAL (
    SELECT turn.state, error ->> 'code' AS code, created, first_token, finished
    FROM conversations_turn AS turn
    WHERE turn.state = of.state AND hinted_at IS NOT NULL AND finished >= %(start)s
    ORDER BY finished DESC LIMIT %(newest)s
) AS ended ORDER BY finished DESC LIMIT %(newest)s
"""
# Rows know of first words when their turn ends, or begins to wait for a person.
FIRST_TOKENS = f"""
WITH spoken AS (
    SELECT created, first_token FROM ({ENDED}) AS ended
    UNION ALL
    SELECT created, first_token FROM conversations_turn WHERE state IN ('running', 'waiting')
)
SELECT date_bin(%(bin)s, first_token, %(start)s) AS begun,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
        ORDER BY extract(epoch FROM first_token - created)::float
    ), count(*)
FROM spoken WHERE first_token >= %(start)s
GROUP BY GROUPING SETS ((date_bin(%(bin)s, first_token, %(start)s)), ())
ORDER BY begun
"""  # noqa: S608 - a statement of ours
OUTCOMES = f"""
SELECT state, coalesce(code, ''), count(*) FROM ({ENDED}) AS ended GROUP BY 1, 2 ORDER BY 3 DESC
"""  # noqa: S608 - a statement of ours


@dataclass(frozen=True, slots=True)
class Failure:
    """Turns that failed for one reason."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many turns are in a state, and how people call it."""

    state: str
    label: str
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
    """Turns by state, those that are open now and those that ended; the failed ones by reason."""

    open: Sequence[Count]
    ended: Sequence[Count]
    failures: Sequence[Failure]

    @property
    def is_cut(self) -> bool:
        """Whether more ended than were read."""
        return sum(line.count for line in self.ended) >= NEWEST


def first_tokens(now: datetime) -> FirstTokens:
    """One query."""
    *bins, (_, whole, count) = _rows(FIRST_TOKENS, now)
    p50, p95 = whole or (None, None)
    window = Window(now - HOUR, now, 2 * BIN.total_seconds())
    return FirstTokens(p50, p95, count, [(at, *values) for at, values, _ in bins], window)


def outcomes(now: datetime) -> Outcomes:
    """Two queries."""
    states: Counter[str] = Counter()
    failures = []
    for line in census.open_turns():
        states[line.state] += line.count
    for state, code, count in _rows(OUTCOMES, now):
        states[state] += count
        if state == Turn.State.FAILED:
            failures.append(Failure(code or "unknown", count))
    return Outcomes(_counted(Turn.OPEN, states), _counted(Turn.ENDED, states), failures)


def _counted(states: Sequence[Turn.State], found: Counter[str]) -> list[Count]:
    return [Count(state, state.label, found[state]) for state in states]


def _rows(statement: str, now: datetime) -> list[tuple]:
    values: dict[str, Any] = {
        "ended": list(Turn.ENDED),
        "newest": NEWEST,
        "bin": BIN,
        "start": now - HOUR,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
