"""Threads for what may hang: nobody has to wait for one, and no process for it when it ends."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def aside(deed: Callable[[], Result]) -> Future[Result]:
    """What will come of it, in a thread of its own."""
    outcome: Future[Result] = Future()

    def work() -> None:
        try:
            outcome.set_result(deed())
        except Exception as error:  # noqa: BLE001 - for whoever waits
            outcome.set_exception(error)

    Thread(target=work, daemon=True).start()
    return outcome
