"""The book of one budget: what a process tells it, and what it answers. Plain data.

Tickets stand in one line for all processes. `script` keeps the book in Redis, `plain` keeps one
in a process while Redis is away; both answer alike. Times are whole microseconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from workers.ratelimit.terms import SECOND, Terms

WANTED = 32  # tickets of one process, the first of its own, that an exchange can grant
LOOKED_AT = 128  # tickets at the head of the line that an exchange looks at
GRACE = 1_000_000  # after the time at which a process said that it would come back: it is dead
FORGOTTEN = 60_000_000  # after its last exchange: a process is no peer any more
MEMORY = 60_000_000  # between two failures that count as being in a row
PROBE = 10_000_000  # that a probe has for a first sign of life, until another is let through
LOOK_AGAIN = 1_000_000  # while somebody else's probe is under way
LONGEST_REST = 8  # times the terms' rest


class Outcome(StrEnum):
    """What became of a request, as far as it says something of the provider's health."""

    OK = "ok"  # a whole reply
    ALIVE = "alive"  # a sign of life of a probe
    FAILED = "failed"  # 5xx, a timeout, or no connection
    NONE = ""


class Reason(StrEnum):
    """Why a ticket waits."""

    BUSY = "provider_busy"  # the limit is used up by those before it
    PAUSED = "provider_paused"  # the provider asked for a pause
    DOWN = "provider_down"  # the circuit is open


@dataclass(frozen=True, slots=True)
class Entry:
    """A ticket that joins the line. `owner` shares fairly with the others, by weight."""

    ticket: str
    owner: str
    weight: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a granted request really took, as the difference to what was reserved."""

    ticket: str
    epoch: int  # of the grant; what was reserved before a pause is not given back
    tokens: int  # more (or, negative, less) than reserved
    requests: int = 0  # given back, because none was sent
    outcome: Outcome = Outcome.NONE


@dataclass(slots=True)
class Exchange:
    """All that one process has to say to a book at one moment."""

    process: str
    settled: list[Settlement] = field(default_factory=list)
    pause: int = 0
    left: list[str] = field(default_factory=list)  # tickets that nobody waits for any more
    entered: list[Entry] = field(default_factory=list)  # again, where the book may have lost them
    wanted: list[str] = field(
        default_factory=list
    )  # entered before; the first in line, at most WANTED
    more: bool = True  # of its tickets may stand behind these; False: it waits for no others


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ticket stands: its tag orders the line; `wait` is until its turn, as it looks now."""

    tag: int
    wait: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a book says."""

    epoch: int
    peers: int  # processes that ask, this one included
    granted: list[str]
    probe: str  # the ticket of the circuit's probe
    lost: bool  # a ticket that was wanted is not in the line: enter all anew
    places: list[Place]  # of the tickets that were entered
    wait: int  # until the first of this process's tickets that were named; -1: none is left
    reason: Reason
    opened: bool  # the circuit, by this exchange


class Book(Protocol):
    """Where tickets are granted."""

    async def exchange(self, asked: Exchange) -> Answer:
        """Tell and ask. Raises what its server raises."""


def written(terms: Terms) -> dict[str, float]:
    """Terms as the script reads them, with what never changes."""
    return {
        "request": terms.request,
        "request_burst": terms.request_burst,
        "token": terms.token,
        "token_burst": terms.token_burst,
        "failures": terms.failures,
        "rest": round(terms.rest * SECOND),
        "longest_rest": round(terms.rest * SECOND) * LONGEST_REST,
        "memory": MEMORY,
        "grace": GRACE,
        "forgotten": FORGOTTEN,
        "probe": PROBE,
        "look_again": LOOK_AGAIN,
        "looked_at": LOOKED_AT,
    }
