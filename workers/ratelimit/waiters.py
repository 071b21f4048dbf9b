"""A request that waits for its place, and what it gets in the end."""

import asyncio
from dataclasses import dataclass, field

from workers.ratelimit.book import Book, Entry, Reason
from workers.ratelimit.callers import Caller, Waiting
from workers.ratelimit.terms import SECOND

WORTH_TELLING = 1  # seconds of a wait, or of a change in it


class Refused(Exception):
    """The wait would be longer than the caller's patience."""

    def __init__(self, reason: Reason, seconds: float) -> None:
        self.reason = reason
        self.seconds = seconds
        super().__init__(reason, seconds)


@dataclass(frozen=True, slots=True)
class Grant:
    """A place. Whoever has it sends one request, and settles it whatever comes of that."""

    ticket: str
    tokens: int  # reserved
    epoch: int
    book: Book
    is_probe: bool


@dataclass(slots=True, eq=False)
class Waiter:
    """A request in the line."""

    entry: Entry
    caller: Caller
    deadline: float  # of the loop's clock
    passed: asyncio.Future[Grant]
    tag: int | None = None  # its place in the line; None: the book does not know it yet
    due: float | None = None  # when its turn is, as its caller was told
    refusal: Refused = field(default_factory=lambda: Refused(Reason.BUSY, 0))

    def hear(self, wait: int, reason: Reason, now: float) -> None:
        """How long it will be, as the book sees it."""
        if self.passed.done():
            return
        seconds = wait / SECOND
        self.refusal = Refused(reason, seconds)
        if now + seconds > self.deadline:
            self.passed.set_exception(self.refusal)
        elif seconds >= WORTH_TELLING and self._is_news(now + seconds):
            self.due = now + seconds
            self.caller.told(Waiting(reason, seconds))

    def _is_news(self, due: float) -> bool:
        return self.due is None or abs(due - self.due) >= WORTH_TELLING
