"""Waiting for what happens elsewhere: in another thread, process or server."""

import time
from collections.abc import Callable

GENEROUS = 120  # seconds; a test waits for an event, this is when it gives up


def eventually(look: Callable[[], object], *, within: float = GENEROUS):
    """What `look` returns as soon as it is true."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found
