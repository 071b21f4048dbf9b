"""Answers that many share: one call at a time, in a thread, told to all who ask meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """What a slow function answers, at most so many seconds old."""

    def __init__(self, function: Callable[[], T], *, fresh: float) -> None:
        self._function = function
        self._fresh = fresh  # seconds for which an answer is given again
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shared")
        self._lock = threading.Lock()
        self._answer: Future[T] | None = None
        self._answered = 0.0

    def ask(self) -> Future[T]:
        """The answer under way, one just given, or a new one."""
        with self._lock:
            if self._answer is None or (self._answer.done() and self._is_old()):
                self._answer = self._thread.submit(self._function)
                self._answer.add_done_callback(self._note)
            return self._answer

    async def answer(self) -> T:
        """Likewise; who stops waiting takes nothing from the others."""
        return await asyncio.shield(asyncio.wrap_future(self.ask()))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _is_old(self) -> bool:
        return monotonic() - self._answered > self._fresh

    def _note(self, _: Future[T]) -> None:
        self._answered = monotonic()
