"""Keeps children running: starts them in groups, restarts the dead with back-off, stops in order."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Self

from devtools.children import Command, tail
from workers.health.vitals import Vitals

FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0  # seconds before a restart; doubled at each death
SETTLED = 10.0  # seconds of life after which the next death counts as the first
LOOK_EVERY = 0.05  # seconds
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """Somebody asked the supervisor to stop."""


@dataclass
class Child:
    """One process that should be running."""

    command: Command
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    delay: float = FIRST_DELAY
    due: float = 0  # when a dead one starts again
    vitals: Vitals = field(default_factory=Vitals)

    def start(self) -> None:
        self.vitals = Vitals()
        self.process = self.command.start()
        self.started = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def is_stuck(self) -> bool:
        """Whether it runs and has not been well for long."""
        probe = self.command.probe
        if probe is None or self.pid is None:
            return False
        return self.vitals.are_gone(probe, self.pid, time.monotonic())

    def bury(self) -> str | None:
        """How it ended, if it just did; sets when it starts again."""
        if self.process is None or self.process.poll() is None:
            return None
        now = time.monotonic()
        self.delay = FIRST_DELAY if now - self.started > SETTLED else self.delay
        self.due = now + self.delay
        self.delay = min(2 * self.delay, LONGEST_DELAY)
        status, self.process = self.process.returncode, None
        return how(status)


@dataclass
class Group:
    """Children that stop together."""

    children: list[Child]
    grace: float  # seconds from the request to end until they are killed

    def request_end(self) -> list[Child]:
        """Those that still run, now asked to end."""
        running = [child for child in self.children if child.process]
        for child in running:
            assert child.process
            child.process.send_signal(child.command.stop_signal)
        return running


@dataclass
class Supervisor:
    """Owns the children; use it as a context, which stops them all at its end.

    A first signal to stop raises Interrupted wherever the main thread is, but while it starts
    children or looks after them; a second one, while they stop, kills what is left.
    """

    tell: Callable[[str], None]
    changed: Callable[[list[Child]], None]  # called with all children at each start and death
    groups: list[Group] = field(default_factory=list)
    stopping: bool = False
    hurry: bool = False
    busy: bool = False  # nobody is interrupted now

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self.interrupt)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(signal.SIGHUP, self.interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping = True
        self.tell("stopping; what is under way may finish, unless you ask once more")
        for group in reversed(self.groups):
            self.stop(group)

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            self.hurry = True
            return
        self.stopping = True
        if not self.busy:
            raise Interrupted

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Who asks to stop is heard after the block.

        `Popen.poll` takes a lock, which whoever is interrupted just there would keep for ever. To
        block the signals would not do: another thread gets them, and the handler runs in this one.
        """
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
        if self.stopping:
            raise Interrupted

    @property
    def children(self) -> list[Child]:
        return [child for group in self.groups for child in group.children]

    def start(self, *commands: Command, grace: float) -> list[Child]:
        """Start a group; it will be stopped before those that were started earlier."""
        group = Group([Child(command) for command in commands], grace)
        self.groups.append(group)
        with self.undisturbed():
            for child in group.children:
                child.start()
        self.changed(self.children)
        return group.children

    def watch(self) -> None:
        """Keep them running until a signal comes."""
        while True:
            self.look()
            time.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Bury who died, restart who is due."""
        with self.undisturbed():
            for child in self.children:
                self.tend(child)

    def tend(self, child: Child) -> None:
        if end := child.bury():
            self.mourn(child, end)
        elif child.process and child.is_stuck():
            self.tell(f"{child.command.name} does not live; it is killed")
            child.process.kill()
        elif child.process is None and child.due <= time.monotonic():
            child.start()
            self.changed(self.children)
            self.tell(f"{child.command.name} runs again")

    def mourn(self, child: Child, end: str) -> None:
        self.changed(self.children)
        self.tell(f"{child.command.name} {end}; it starts again; {child.command.log} ends with")
        for line in tail(child.command.log):
            self.tell(f"    {line}")

    def stop(self, group: Group) -> None:
        """Ask all of the group to end, wait for its grace, kill the rest."""
        running = group.request_end()
        deadline = time.monotonic() + group.grace
        while any(child.process and child.process.poll() is None for child in running):
            if self.hurry or time.monotonic() > deadline:
                break
            time.sleep(LOOK_EVERY)
        for child in running:
            assert child.process
            child.process.kill()
            child.process.wait()
            child.process = None
        self.changed(self.children)


def how(status: int) -> str:
    """A process's exit status in words."""
    return f"ended with status {status}" if status >= 0 else f"got {signal.Signals(-status).name}"
