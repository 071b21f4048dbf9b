"""The requests of one event loop that want a place in a budget: one talk with the book for all.

A request enters the line and waits for its turn; the talk goes on when the book said that the
first of ours may go, when another enters, or to settle. So a thousand waiting requests cost no
more scripts than one, and a cancelled one is simply gone.
"""

import asyncio
import heapq
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import replace

import structlog

from workers.observing import metrics
from workers.ratelimit.book import WANTED, Answer, Entry, Exchange, Outcome, Settlement
from workers.ratelimit.callers import Caller
from workers.ratelimit.either import EitherBook
from workers.ratelimit.terms import SECOND, Terms
from workers.ratelimit.waiters import Grant, Waiter

LATE = 0.001  # seconds: a timer that rings a moment too early costs a script
FLUSH = 0.2  # seconds that a settlement may wait for another reason to talk

log = structlog.get_logger(__name__)


class Admissions:
    """One event loop's side of a budget. `scripts` and `admitted` count."""

    def __init__(self, name: str, terms: Terms) -> None:
        self.name = name
        self.terms = terms
        self.scripts = 0
        self.admitted = 0
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._books = EitherBook(name, terms)
        self._waiters: dict[str, Waiter] = {}
        self._next = Exchange(self._process)  # all but the tickets, which come at the last moment
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
        if grant.book is not self._books.current:
            more, unsent = 0, False  # another book reserved it
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
        if self._books.try_again():
            self._enter_anew()
        asked, self._next = self._next, Exchange(self._process)
        new = [waiter for waiter in self._waiters.values() if waiter.tag is None]
        asked.entered = [waiter.entry for waiter in new]
        asked.wanted = self._first()
        asked.more = len(asked.wanted) + len(new) < len(self._waiters)
        self.scripts += 1
        answer = await self._books.ask(asked)
        if answer is None:
            self._repeat(asked)
            return
        if answer.opened:
            log.warning("circuit_opened", budget=self.name)
            metrics.CIRCUITS_OPENED.labels(self.name).inc()
        self._place(new, answer)
        for ticket in answer.granted:
            self._grant(ticket, answer)
        self._plan(answer)

    def _repeat(self, asked: Exchange) -> None:
        """Tell another book what concerns it, and enter all that waits there.

        Who left need not be told again: what we do not name any more is swept from our line.
        """
        self._next.pause = max(self._next.pause, asked.pause)
        self._next.settled += [replace(one, tokens=0, requests=0) for one in asked.settled]
        self._enter_anew()
        self._within(0)

    def _first(self) -> list[str]:
        known = [
            (waiter.tag, ticket)
            for ticket, waiter in self._waiters.items()
            if waiter.tag is not None
        ]
        return [ticket for _, ticket in heapq.nsmallest(WANTED, known)]

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
        grant = Grant(ticket, tokens, answer.epoch, self._books.current, ticket == answer.probe)
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
