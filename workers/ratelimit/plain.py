"""The book in a process's own memory: what it keeps to while Redis is away.

It answers as the script does; the tests hold the two against each other, step by step.
"""

import math
import time
from dataclasses import dataclass, field

from workers.ratelimit import book
from workers.ratelimit.book import Answer, Entry, Exchange, Outcome, Place, Reason, Settlement
from workers.ratelimit.terms import SECOND, Terms


@dataclass
class PlainBook:
    """One book. `requests` and `tokens` are the times up to which the limit is used up."""

    terms: Terms
    requests: int = 0
    tokens: int = 0
    virtual: int = 0  # the tag that was granted last
    epoch: int = 0
    paused: int = 0
    failures: int = 0
    failing: int = 0  # when it failed last
    open: int = 0  # when a probe may go; 0: the circuit is closed
    rest: int = 0
    probe: str = ""
    lease: int = 0  # until when the probe is waited for
    line: dict[str, int] = field(default_factory=dict)  # tags by ticket
    owners: dict[str, int] = field(default_factory=dict)  # their next tags
    processes: dict[str, int] = field(default_factory=dict)  # when they come back
    seen: int = 0  # tickets that were looked at and stayed
    opened: bool = False

    async def exchange(self, asked: Exchange) -> Answer:
        return self.answer(asked, time.monotonic_ns() // 1000)

    def answer(self, asked: Exchange, now: int) -> Answer:
        self.opened = False
        for one in asked.settled:
            self._settle(one, now)
        if asked.pause:
            self._pause(now + asked.pause)
        for ticket in asked.left:
            self.line.pop(ticket, None)
        tags = [self._enter(one) for one in asked.entered]
        named = [*asked.wanted, *(one.ticket for one in asked.entered)]
        self._sweep(asked, named)
        granted = self._grant(named, asked.process, now)
        waits = {ticket: self._wait(ticket, now) for ticket in named if ticket in self.line}
        left = [ticket for ticket in asked.wanted if ticket not in granted]
        self._clear(now)
        self.processes[asked.process] = now + min(waits.values(), default=0)
        return Answer(
            epoch=self.epoch,
            peers=len(self.processes),
            granted=granted,
            probe=self.probe,
            lost=any(ticket not in self.line for ticket in left),
            places=[
                Place(tag, waits.get(one.ticket, 0))
                for tag, one in zip(tags, asked.entered, strict=True)
            ],
            wait=min(waits.values(), default=-1),
            reason=self._reason(now),
            opened=self.opened,
        )

    # --- What became of requests --------------------------------------------------------------

    def _settle(self, one: Settlement, now: int) -> None:
        if one.tokens > 0:
            self.tokens = max(self.tokens, now) + self._price(one.tokens)
        elif one.epoch == self.epoch:
            self.tokens += self._price(one.tokens)
            self.requests -= one.requests * self.terms.request
        if one.outcome is Outcome.FAILED:
            self._fail(one.ticket, now)
        elif one.outcome:
            self._live(one.ticket, now, whole=one.outcome is Outcome.OK)
        elif one.ticket == self.probe:
            self.probe = ""

    def _fail(self, ticket: str, now: int) -> None:
        rest = round(self.terms.rest * SECOND)
        if not self.open:
            if now - self.failing > book.MEMORY:
                self.failures = 0
            self.failures, self.failing = self.failures + 1, now
            if self.failures >= self.terms.failures:
                self._open(rest, now)
        elif ticket == self.probe:
            self._open(min(2 * self.rest, rest * book.LONGEST_REST), now)

    def _open(self, rest: int, now: int) -> None:
        self.rest, self.open, self.probe, self.opened = rest, now + rest, "", True

    def _live(self, ticket: str, now: int, *, whole: bool) -> None:
        if self.open and ticket == self.probe:
            self.open, self.probe = 0, ""
            self.failures, self.failing = self.terms.failures - 1, now
        if whole and not self.open:
            self.failures = 0

    def _pause(self, end: int) -> None:
        self.paused, self.epoch = max(self.paused, end), self.epoch + 1
        self.requests = max(self.requests, self.paused + self.terms.request_burst)
        self.tokens = max(self.tokens, self.paused + self.terms.token_burst)

    # --- The line -----------------------------------------------------------------------------

    def _price(self, tokens: int) -> int:
        return math.ceil(tokens * self.terms.token)

    def _need(self, ticket: str) -> int:
        return self._price(int(ticket.rpartition(":")[2]))

    def _ordered(self) -> list[str]:
        return sorted(self.line, key=lambda ticket: (self.line[ticket], ticket))

    def _enter(self, one: Entry) -> int:
        if one.ticket not in self.line:
            tag = max(self.virtual, self.owners.get(one.owner, 0))
            size = max(1, self.terms.request, self._price(one.tokens))
            self.owners[one.owner] = tag + math.ceil(size / one.weight)
            self.line[one.ticket] = tag
        return self.line[one.ticket]

    def _sweep(self, asked: Exchange, named: list[str]) -> None:
        """Take out what this process does not name, though it would: nobody waits for it."""
        edge = self._edge(asked)
        while left := [
            ticket
            for ticket in self._ordered()[: min(edge, book.LOOKED_AT)]
            if ticket not in named and ticket.partition(":")[0] == asked.process
        ]:
            edge -= len(left)
            for ticket in left:
                del self.line[ticket]

    def _edge(self, asked: Exchange) -> int:
        """How many stand before the last that is wanted; all, where it waits for no others."""
        if not asked.more:
            return len(self.line)
        known = [ticket for ticket in asked.wanted if ticket in self.line]
        return self._ordered().index(known[-1]) if known else 0

    def _may_grant(self, now: int) -> bool:
        if now < self.paused:
            return False
        return not self.open or (now >= self.open and (not self.probe or now >= self.lease))

    def _grant(self, named: list[str], process: str, now: int) -> list[str]:
        granted: list[str] = []
        looked_at = self._ordered()[: book.LOOKED_AT]
        self.seen = len(looked_at)
        if not self._may_grant(now):
            return granted
        spare_requests = now + self.terms.request_burst - max(self.requests, now)
        spare_tokens = now + self.terms.token_burst - max(self.tokens, now)
        for ticket in looked_at:
            if self._is_gone(ticket.partition(":")[0], process, now):
                del self.line[ticket]
                self.seen -= 1
                continue
            need = self._need(ticket)
            fits = spare_tokens >= min(need, self.terms.token_burst)
            if not fits or spare_requests < self.terms.request:
                break
            spare_requests, spare_tokens = spare_requests - self.terms.request, spare_tokens - need
            if ticket in named:
                self._take(ticket, need, now)
                granted.append(ticket)
                self.seen -= 1
                if self.open:
                    self.probe, self.lease = ticket, now + book.PROBE
                    break
        return granted

    def _is_gone(self, process: str, asks: str, now: int) -> bool:
        return process != asks and self.processes.get(process, 0) + book.GRACE < now

    def _take(self, ticket: str, need: int, now: int) -> None:
        self.requests = max(self.requests, now) + self.terms.request
        self.tokens = max(self.tokens, now) + need
        self.virtual = max(self.virtual, self.line.pop(ticket))

    def _wait(self, ticket: str, now: int) -> int:
        terms, ordered = self.terms, self._ordered()
        rank, looked_at = ordered.index(ticket), ordered[: self.seen]
        ahead = sum(map(self._need, ordered[:rank]))
        if rank >= len(looked_at):
            known = sum(map(self._need, looked_at))
            ahead = math.ceil(known * rank / max(len(looked_at), 1))
        turn = max(now, self.paused, self._health(now))
        if terms.request:
            used = max(self.requests, now) + (rank + 1) * terms.request
            turn = max(turn, used - terms.request_burst)
        if terms.token:
            own = min(self._need(ticket), terms.token_burst)
            turn = max(turn, max(self.tokens, now) + ahead + own - terms.token_burst)
        return turn - now

    def _health(self, now: int) -> int:
        if self.open > now:
            return self.open
        return now + book.LOOK_AGAIN if self.open else now

    def _reason(self, now: int) -> Reason:
        if self.open:
            return Reason.DOWN
        return Reason.PAUSED if self.paused > now else Reason.BUSY

    def _clear(self, now: int) -> None:
        self.owners = {owner: tag for owner, tag in self.owners.items() if tag > self.virtual}
        limit = now - book.FORGOTTEN
        self.processes = {name: back for name, back in self.processes.items() if back > limit}
