"""What a person should know of a run beside its answer: tools that are out of reach, and the like.

Whoever runs the agent hears; whatever runs inside it gives.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]
_listener: ContextVar[Listener | None] = ContextVar("notices", default=None)


@contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Within, notices go to the listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def give(text: str) -> None:
    """Tell the person, if there is one."""
    if listener := _listener.get():
        listener(text)
