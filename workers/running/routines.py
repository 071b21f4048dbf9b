"""Deeds that a worker repeats in threads of their own, whatever its event loop does."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class Routine(threading.Thread):
    """Does a deed at once and then every so many seconds; an error waits for the next time."""

    def __init__(self, name: str, deed: Callable[[], object], *, seconds: float) -> None:
        super().__init__(name=name, daemon=True)
        self._deed = deed
        self._seconds = seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._deed()
            except Exception:
                if self._stopping.is_set():
                    return  # what it needs is going already
                log.exception("routine_failed", routine=self.name)
            self._stopping.wait(self._seconds)
