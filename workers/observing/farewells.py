"""What is still to be written when a process is about to end by `os._exit`, which runs no exit hooks.

RQ ends its forked children so, the watchdog a process whose loop is stuck.
"""

import logging
import os

from workers.observing import tracing


def say() -> None:
    """Write the last log lines and traces; takes a few seconds at most."""
    tracing.flush()
    for handler in logging.getLogger().handlers:
        handler.flush()


def leave(status: int) -> None:
    """End this process at once, from any thread, whatever hangs."""
    say()
    os._exit(status)
