"""Commits whose outcome is not known: ask PostgreSQL again, by a deed that may be done twice."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

from conversations.errors import StoreAway

PATIENCE = 10  # seconds; a PostgreSQL that restarts is back by then, a lease is over
FIRST_PAUSE = 0.05  # seconds, then twice as long each time
LONGEST_PAUSE = 1.0

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


def settled(deed: Callable[[bool], Result]) -> Result:
    """The deed's result, tried again while PostgreSQL is away, deadlocked or keeps us waiting.

    The deed is told whether it was tried before: a try that reports failure may be committed.
    Inside a caller's transaction it is tried once, for only the caller can begin that again.
    Raises `StoreAway` at once: nothing is in doubt then, and a thread that waits for the place of
    one store holds up the turns of all.
    """
    if connection.in_atomic_block:
        return deed(False)
    deadline = time.monotonic() + PATIENCE
    pause, again = FIRST_PAUSE, False
    while True:
        try:
            return deed(again)
        except StoreAway:
            raise
        except (OperationalError, InterfaceError) as error:
            connection.close()  # it may be broken; the next statement opens another
            if time.monotonic() + pause > deadline:
                raise
            log.warning("commit_tried_again", error=type(error.__cause__ or error).__name__)
        time.sleep(pause)
        pause, again = min(pause * 2, LONGEST_PAUSE), True
