"""The requests of one event loop that want a place in a budget: one talk with the book for all.

A request enters the line and waits for its turn; the talk goes on when the book said that the
first of ours may go, when another enters, or to settle. So a thousand waiting requests cost no
more scripts than one, and a cancelled one is simply gone. While Redis is away the book is a plain
one, with this process's part of the limit.
"""

import asyncio
import heapq
import itertools
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog
from redis.exceptions import RedisError

from workers import connections, metrics
from workers.ratelimit.book import (
    WANTED,
    Answer,
    Book,
    Entry,
    Exchange,
    Outcome,
    Reason,
    Settlement,
)
from workers.ratelimit.callers import Caller, Waiting
from workers.ratelimit.plain import PlainBook
from workers.ratelimit.script import SharedBook
from workers.ratelimit.terms import SECOND, Terms

LATE = 0.001  # seconds: a timer that rings a moment too early costs a script
FLUSH = 0.2  # seconds that a settlement may wait for another reason to talk
RETRY = 3  # seconds until Redis, when it is away, is tried again
WORTH_TELLING = 1  # seconds of a wait, or of a change in it
REGISTER = 60  # seconds between two entries in the list of budgets
BUDGETS = "agentsite:limits"  # names of the budgets, by the time of their last use
UNAVAILABLE = (RedisError, OSError)

log = structlog.get_logger(__name__)


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


class Admissions:
    """One event loop's side of a budget. `scripts` and `admitted` count."""

    def __init__(self, name: str, terms: Terms) -> None:
        self.name = name
        self.terms = terms
        self.scripts = 0
        self.admitted = 0
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._shared: Book = SharedBook(name, terms)
        self._plain: Book | None = None
        self._book: Book = self._shared
        self._peers = 1
        self._retry = 0.0  # when Redis is tried again
        self._registered = -float(REGISTER)
        self._waiters: dict[str, Waiter] = {}
        self._next = Exchange(
            self._process
        )  # what is to be told; tickets come in at the last moment
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._talk: asyncio.Task[None] | None = None

    async def admit(self, tokens: int, *, caller: Caller, patience: float) -> Grant:
        """Wait for a place for one request of about so many tokens.

        Raises `Refused`, at once where the wait would be longer than `patience` seconds.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        ticket = f"{self._process}:{next(self._numbers):012}:{max(tokens, 0)}"
        weight = float(self.terms.weights.get(caller.queue, 1))
        waiter = Waiter(
            Entry(ticket, caller.owner, weight, max(tokens, 0)),
            caller,
            began + patience,
            loop.create_future(),
        )
        self._waiters[ticket] = waiter
        self._within(0)
        try:
            async with asyncio.timeout(patience + FLUSH):  # the book may be slow to refuse
                return await waiter.passed
        except TimeoutError:
            self._return(waiter)
            raise waiter.refusal from None
        except asyncio.CancelledError:
            self._return(waiter)
            raise
        finally:
            self._forget(ticket)
            metrics.PROVIDER_WAIT.labels(self.name).observe(loop.time() - began)
            if waiter.due is not None:
                caller.told(None)

    def settle(
        self,
        grant: Grant,
        *,
        tokens: int | None = None,
        outcome: Outcome = Outcome.NONE,
        pause: float = 0,
        unsent: bool = False,
    ) -> None:
        """Tell what a request took: None where nobody knows. `pause` is in seconds, for everyone."""
        more = 0 if tokens is None else tokens - grant.tokens
        if grant.book is not self._book:
            more = 0  # another book reserved it
        self._next.settled.append(Settlement(grant.ticket, grant.epoch, more, int(unsent), outcome))
        self._next.pause = max(self._next.pause, round(pause * SECOND))
        urgent = pause or grant.is_probe or outcome is Outcome.FAILED
        self._within(0 if urgent else FLUSH)

    def _return(self, waiter: Waiter) -> None:
        """A place that came when nobody waited for it any more."""
        if waiter.passed.done() and not waiter.passed.cancelled() and not waiter.passed.exception():
            self.settle(waiter.passed.result(), tokens=0, unsent=True)

    def _forget(self, ticket: str) -> None:
        waiter = self._waiters.pop(ticket, None)
        if waiter is not None and waiter.tag is not None:
            self._next.left.append(ticket)
            self._within(FLUSH)

    # --- When to talk -------------------------------------------------------------------------

    def _within(self, seconds: float) -> None:
        """Talk after this time, or earlier."""
        loop = asyncio.get_running_loop()
        if self._talk is None or self._talk.done():
            self._talk = loop.create_task(self._talk_on(), name=f"budget {self.name}")
        if seconds <= 0:
            self._due.set()
        elif self._timer is None or self._timer.when() > loop.time() + seconds:
            self._stop_timer()
            self._timer = loop.call_later(seconds, self._due.set)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _talk_on(self) -> None:
        """For as long as there is something to say or to wait for."""
        while self._waiters or self._next.settled or self._next.left or self._next.pause:
            await self._due.wait()
            self._due.clear()
            self._stop_timer()
            await self._exchange()
        self._stop_timer()
        self._due.clear()

    # --- The talk -----------------------------------------------------------------------------

    async def _exchange(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._book is not self._shared and now >= self._retry:
            self._take(self._shared)
        asked, self._next = self._next, Exchange(self._process)
        new = [waiter for waiter in self._waiters.values() if waiter.tag is None]
        asked.entered = [waiter.entry for waiter in new]
        asked.wanted = self._first()
        try:
            answer = await self._ask(asked)
        except UNAVAILABLE as error:
            self._lose(error, asked)
            return
        self._place(new, answer)
        for ticket in answer.granted:
            self._grant(ticket, answer)
        self._plan(answer)

    def _first(self) -> list[str]:
        known = [
            (waiter.tag, ticket)
            for ticket, waiter in self._waiters.items()
            if waiter.tag is not None
        ]
        return [ticket for _, ticket in heapq.nsmallest(WANTED, known)]

    async def _ask(self, asked: Exchange) -> Answer:
        self.scripts += 1
        answer = await self._book.exchange(asked)
        if self._book is self._shared:
            await self._note(answer)
        return answer

    async def _note(self, answer: Answer) -> None:
        """What Redis is there for besides: how many share the limit, and which budgets there are."""
        self._peers = max(answer.peers, 1)
        if self._plain is not None:
            log.info("limit_shared_again", budget=self.name)
            self._plain = None
        now = time.time()
        if now - self._registered >= REGISTER:
            self._registered = now
            with suppress(*UNAVAILABLE):
                await connections.shared().zadd(BUDGETS, {self.name: now})

    def _place(self, new: Sequence[Waiter], answer: Answer) -> None:
        now = asyncio.get_running_loop().time()
        granted = set(answer.granted)
        for waiter, place in zip(new, answer.places, strict=True):
            waiter.tag = place.tag
            ticket = waiter.entry.ticket
            if ticket not in self._waiters and ticket not in granted:
                self._next.left.append(ticket)  # it went away in the middle of the talk
            elif ticket not in granted:
                waiter.hear(place.wait, answer.reason, now)
        if answer.wait >= 0 and (first := self._first()):
            self._waiters[first[0]].hear(answer.wait, answer.reason, now)

    def _grant(self, ticket: str, answer: Answer) -> None:
        waiter = self._waiters.pop(ticket, None)
        tokens = int(ticket.rpartition(":")[2])
        grant = Grant(ticket, tokens, answer.epoch, self._book, ticket == answer.probe)
        if waiter is None or waiter.passed.done():
            self.settle(grant, tokens=0, unsent=True)
            return
        self.admitted += 1
        waiter.passed.set_result(grant)

    def _plan(self, answer: Answer) -> None:
        if answer.lost:
            self._enter_anew()
        if any(waiter.tag is None for waiter in self._waiters.values()) or (
            answer.wait < 0 and self._waiters
        ):
            self._within(0)
        elif answer.wait >= 0:
            self._within(answer.wait / SECOND + LATE)
        if self._next.settled or self._next.left:
            self._within(FLUSH)

    def _enter_anew(self) -> None:
        for waiter in self._waiters.values():
            waiter.tag = None

    # --- Without Redis ------------------------------------------------------------------------

    def _take(self, book: Book) -> None:
        """Go on with another book, which knows nothing of what waits."""
        self._book = book
        self._enter_anew()

    def _lose(self, error: Exception, asked: Exchange) -> None:
        """Fail open: this process's part of the limit is its own until Redis is back."""
        if self._plain is None:
            self._plain = PlainBook(self.terms.split(self._peers))
            log.warning(
                "limit_unshared", budget=self.name, error=type(error).__name__, peers=self._peers
            )
        self._retry = asyncio.get_running_loop().time() + RETRY
        self._next.pause = max(self._next.pause, asked.pause)
        self._next.settled += [replace(one, tokens=0, requests=0) for one in asked.settled]
        self._take(self._plain)
        self._within(0)
