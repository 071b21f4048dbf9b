"""How lines leave: whoever logs puts a line into a bounded queue, a thread does the rest.

What does not fit is dropped and counted, while the sink blocks and not only after: it holds up its
own thread and nobody else. Safe in signal handlers, for a put takes no lock that the interrupted
thread could hold. Safe over a fork: the child begins with an empty queue and a thread of its own.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol
from weakref import WeakSet

from agentsite.logs import lines
from agentsite.logs.lines import Said, Scrubber
from workers.observing import metrics

BATCH = 512  # lines
UNLOGGABLE = {"event": "unloggable"}  # the standard way would print what it was about
FAREWELL = 2.0  # seconds that the end of a process waits for its last lines

Batch = Sequence[tuple[Said, str]]
Marker = threading.Event  # in the queue: all before it is written


class Sink(Protocol):
    """A place where lines go; called by one thread."""

    name: str

    def write(self, batch: Batch) -> Iterator[float]:
        """Write lines; where they have to wait, yield the seconds until it is to be gone on.

        Raises what it likes when they can never be written. Who is not asked to go on gives up.
        """

    def end(self) -> None:
        """No more lines come."""

    def forked(self) -> None:
        """This is a child now: let go of what the parent still uses."""


class Outlet:
    """One sink with its queue and its thread."""

    def __init__(self, sink: Sink, scrub: Scrubber, *, capacity: int, linger: float = 0) -> None:
        self._sink, self._scrub = sink, scrub
        self._lost = metrics.LOG_LINES_DROPPED.labels(sink.name)  # shown from the start, as 0
        self._capacity = capacity  # lines
        self._linger = linger  # seconds in which a batch gathers
        self.dropped = 0
        self._begin()
        _outlets.add(self)

    def offer(self, said: Said) -> None:
        """Take a line, or drop it; never waits.

        What is logged after `close` comes while Python takes itself apart: a thread begun then is
        waited for, and never runs.
        """
        if self._ending.is_set() or self._queue.qsize() >= self._capacity:
            self.dropped += 1
            return
        self._queue.put(said)
        if self._may_start.acquire(blocking=False):
            self._start()

    def flush(self, seconds: float = FAREWELL) -> bool:
        """Wait until what was taken is written; False when that took too long."""
        if not self._may_start.locked():
            return True
        self._queue.put(marker := Marker())
        return marker.wait(seconds)

    def close(self) -> None:
        """Write what can be written at once, and end."""
        self._ending.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(FAREWELL)

    def forked(self) -> None:
        self._begin()
        self._sink.forked()

    def _begin(self) -> None:
        self._queue: SimpleQueue[Said | Marker | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        # taken once and never given back: whatever a signal interrupts, one thread is started
        self._may_start = threading.Lock()
        self._ending = threading.Event()
        self.dropped = self._told = self._counted = 0

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._run, name=f"log {self._sink.name}", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        queue = self._queue
        while (first := queue.get()) is not None:
            if isinstance(first, Marker):
                first.set()
            else:
                self._pass_on(queue, first)
        self._sink.end()

    def _pass_on(self, queue: SimpleQueue[Said | Marker | None], first: Said) -> None:
        """Write a line and those that came meanwhile, in their order."""
        if self._linger:
            self._ending.wait(self._linger)
        batch, markers, is_last = [first], [], False
        with suppress(Empty):
            while len(batch) < BATCH and not is_last:
                found = queue.get_nowait()
                if found is None:
                    is_last = True
                elif isinstance(found, Marker):
                    markers.append(found)
                else:
                    batch.append(found)
        self._write(batch)
        for marker in markers:
            marker.set()
        if is_last:
            queue.put(None)

    def _write(self, batch: Sequence[Said]) -> None:
        if dropped := self.dropped - self._told:
            batch = [*batch, gap(self._sink.name, dropped)]
            self._told += dropped
        try:
            is_written = self._deliver([(said, self._line(said)) for said in batch])
        except Exception:  # noqa: BLE001 - whatever it is, the next lines shall have their try
            is_written = False
        self._count(0 if is_written else len(batch))

    def _deliver(self, batch: Batch) -> bool:
        """Whether all is written; goes on for as long as it takes, or until the process ends."""
        for seconds in self._sink.write(batch):
            self._count()
            if self._ending.is_set():
                return False
            self._ending.wait(seconds)
        return True

    def _count(self, refused: int = 0) -> None:
        """In this thread alone: the metric has a lock, which a signal handler may not wait for."""
        dropped = self.dropped - self._counted
        self._counted += dropped
        if lost := dropped + refused:
            self._lost.inc(lost)

    def _line(self, said: Said) -> str:
        try:
            return self._scrub(lines.dumped(lines.entry(said)))
        except Exception as error:  # noqa: BLE001 - values are others' objects, which may raise any
            return lines.dumped(UNLOGGABLE | {"error": type(error).__name__})


class OutletHandler(logging.Handler):
    """The root's only handler."""

    def __init__(self, outlets: Sequence[Outlet]) -> None:
        super().__init__()
        self.outlets = outlets

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = lines.said(record)
        except Exception:  # noqa: BLE001 - arguments that do not fit their message, for one
            said = Said(record.created, "error", record.name, record.process, UNLOGGABLE)
        for outlet in self.outlets:
            outlet.offer(said)

    def flush(self) -> None:
        for outlet in self.outlets:
            outlet.flush()

    def close(self) -> None:
        for outlet in self.outlets:
            outlet.close()
        super().close()


def gap(sink: str, count: int) -> Said:
    """Tells in the log itself that something is missing there."""
    fields = {"event": "log_lines_dropped", "sink": sink, "count": count}
    return Said(time.time(), "warning", __name__, os.getpid(), fields)


_outlets: WeakSet[Outlet] = WeakSet()


def _forked() -> None:
    for outlet in list(_outlets):
        outlet.forked()


os.register_at_fork(after_in_child=_forked)
