"""The book that a process keeps to: the shared one, or a plain one of its own while Redis is away."""

import asyncio
import time
from contextlib import suppress

import structlog
from redis.exceptions import RedisError

from workers.ratelimit.book import Answer, Book, Exchange
from workers.ratelimit.plain import PlainBook
from workers.ratelimit.script import LIFETIME, SharedBook
from workers.ratelimit.terms import Terms
from workers.redis import connections

RETRY = 3  # seconds until Redis, when it is away, is tried again
REGISTER = 60  # seconds between two entries in the list of budgets
BUDGETS = "agentsite:limits"  # names of the budgets, by the time of their last use
UNAVAILABLE = (RedisError, OSError)

log = structlog.get_logger(__name__)


class EitherBook:
    """One of the two. `current` knows nothing of what waits when it is another than before."""

    def __init__(self, name: str, terms: Terms) -> None:
        self._name = name
        self._terms = terms
        self._shared = SharedBook(name, terms)
        self._plain: PlainBook | None = None
        self._peers = 1
        self._retry = 0.0  # of the loop's clock
        self._registered = -float(REGISTER)
        self.current: Book = self._shared

    @property
    def is_shared(self) -> bool:
        return self.current is self._shared

    def try_again(self) -> bool:
        """Go back to the shared book if it is time to; says whether it is another one now."""
        if self.is_shared or asyncio.get_running_loop().time() < self._retry:
            return False
        self.current = self._shared
        return True

    async def ask(self, asked: Exchange) -> Answer | None:
        """What the book answers; None: it could not be reached, and another is current now."""
        try:
            answer = await self.current.exchange(asked)
        except UNAVAILABLE as error:
            self._lose(error)
            return None
        if self.is_shared:
            await self._note(answer)
        return answer

    def _lose(self, error: Exception) -> None:
        """Fail open: this process's part of the limit is its own until Redis is back."""
        if self._plain is None:
            self._plain = PlainBook(self._terms.split(self._peers))
            kind = type(error).__name__
            log.warning("limit_unshared", budget=self._name, error=kind, peers=self._peers)
        self._retry = asyncio.get_running_loop().time() + RETRY
        self.current = self._plain

    async def _note(self, answer: Answer) -> None:
        """What Redis is there for besides: how many share the limit, and which budgets there are."""
        self._peers = max(answer.peers, 1)
        if self._plain is not None:
            log.info("limit_shared_again", budget=self._name)
            self._plain = None
        now = time.time()
        if now - self._registered >= REGISTER:
            self._registered = now
            with suppress(*UNAVAILABLE):
                await self._register(now)

    async def _register(self, now: float) -> None:
        async with connections.shared().pipeline(transaction=False) as pipeline:
            pipeline.zadd(BUDGETS, {self._name: now})
            pipeline.zremrangebyscore(BUDGETS, "-inf", now - LIFETIME)
            pipeline.expire(BUDGETS, LIFETIME)
            await pipeline.execute()
