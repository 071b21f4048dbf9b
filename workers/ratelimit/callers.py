"""For whom a model is asked, and who hears that it has to wait. Whoever runs a turn says so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from workers.ratelimit.book import Reason


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request has to wait; `seconds` are an estimate."""

    reason: Reason
    seconds: float


def _unheard(waiting: Waiting | None) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose share a request comes out of. `told` hears of each wait, and None when it is over."""

    owner: str = ""
    queue: str = "default"  # the class of work
    told: Callable[[Waiting | None], None] = _unheard


NOBODY = Caller()
_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """Whoever asks just now."""
    return _caller.get(NOBODY)


@contextmanager
def asking(caller: Caller) -> Iterator[None]:
    """What the block asks of models, it asks for this caller."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
