"""What a step reads, locks and shows to others: enough to see that two steps commute.

Schedules that differ only in the order of steps that commute are one to PostgreSQL. Rows are not
told apart, only tables: two steps that are said to commute do.
"""

import re
from dataclasses import dataclass, field

WRITES = re.compile(r"(?<!FOR )(?<!KEY )(?<!DO )\b(INSERT|UPDATE|DELETE)\b")
LOCKS = re.compile(
    r"\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b(?:.*(SKIP LOCKED))?", re.DOTALL
)
TABLES = re.compile(r"\b(?:conversations|workers)_(\w+)\b")


@dataclass(frozen=True)
class Footprint:
    """Sets of tables."""

    reads: frozenset[str] = frozenset()
    locks: frozenset[str] = frozenset()  # takes or releases locks of rows
    shows: frozenset[str] = frozenset()  # others see changes from here on

    def commutes(self, other: "Footprint") -> bool:
        return not (
            self.reads & other.shows or self.shows & other.reads or self.locks & other.locks
        )


@dataclass
class Transaction:
    """What an open transaction has done so far."""

    locked: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def statement(self, sql: str, *, alone: bool) -> Footprint:
        """`alone`: it commits itself."""
        tables = frozenset(TABLES.findall(sql))
        writes = tables if WRITES.search(sql) else frozenset()
        locks = tables if writes or LOCKS.search(sql) else frozenset()
        if alone:
            return Footprint(tables, locks, writes)
        self.locked |= locks
        self.changed |= writes
        return Footprint(tables, locks)

    def end(self, *, commits: bool) -> Footprint:
        shows = self.changed if commits else ()
        footprint = Footprint(locks=frozenset(self.locked), shows=frozenset(shows))
        self.locked, self.changed = set(), set()
        return footprint


def label(sql: str) -> str:
    """The verb, the tables and the lock of a statement, as a schedule shows them."""
    verb, lock = WRITES.search(sql), LOCKS.search(sql)
    words = [verb[0] if verb else "SELECT", *dict.fromkeys(TABLES.findall(sql))]
    if lock:
        words += [lock[0].split(" OF ")[0].strip(), lock[1] or ""]
    return " ".join(filter(None, words))
