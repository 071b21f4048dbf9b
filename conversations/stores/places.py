"""Where the contents of a store are: asked by all who like, but by one at a time once it has hung.

The threads are everybody's. A place that gives no answer holds each thread that asks until the
time is over, and would in the end hold all of them; so from then on one thread finds out whether
it is back, and the others are told at once that it is away.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from conversations.errors import StoreAway

HUNG = 0.4  # seconds that a failure took: more than a refusal takes, less than a time-out

T = TypeVar("T")


class Place:
    """One server, as the threads of this process know it."""

    def __init__(self) -> None:
        self._has_hung = False
        self._asked = threading.Lock()  # by whom finds out whether it is back

    def ask(self, deed: Callable[[], T], *errors: type[Exception]) -> T:
        """What the deed returns; `StoreAway` where it raises one of these, or others wait already."""
        if not self._has_hung:
            return self._answer(deed, *errors)
        if not self._asked.acquire(blocking=False):
            raise StoreAway("it hangs")
        try:
            return self._answer(deed, *errors)
        finally:
            self._asked.release()

    def _answer(self, deed: Callable[[], T], *errors: type[Exception]) -> T:
        began = monotonic()
        try:
            answer = deed()
        except errors as error:
            self._has_hung = monotonic() - began >= HUNG
            raise StoreAway(type(error).__name__) from error
        self._has_hung = False
        return answer
