"""A file for each launched process: who it is, and that it lives.

The file is locked from before the process begins until it ends, for the process inherits the open
file. So whoever comes later, after whatever crash, can tell the living from the dead and signal
them: a pid that is used again deceives nobody, and there is no moment in between that loses one.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NEW, LIVE, DRAINING = ".new", ".pid", ".draining"
# The shell becomes the program, under the pid that it has written down; if it could do that.
BECOME = 'echo $$ > "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Mark:
    """One process, by its file."""

    path: Path

    @property
    def kind(self) -> str:
        """What it was started as; another version is not adopted."""
        return self.path.name.partition("-")[0]

    @property
    def born(self) -> int:
        """Nanoseconds, to tell the older from the newer."""
        return int(self.path.stem.partition("-")[2])

    @property
    def pid(self) -> int | None:
        """None in the first moment of its life."""
        text = self.path.read_text(encoding="ascii").strip()
        return int(text) if text else None

    @property
    def drains_since(self) -> float | None:
        """Seconds since the epoch; None: it serves."""
        return self.path.stat().st_mtime if self.path.suffix == DRAINING else None

    def lives(self) -> bool:
        """Whether anybody holds its lock."""
        with self.path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def drain(self) -> bool:
        """Ask it to end; False where it cannot hear yet."""
        if (pid := self.pid) is None:
            return False
        after = self.path.rename(self.path.with_suffix(DRAINING))
        os.utime(after)
        _signal(pid, signal.SIGTERM)
        return True

    def kill(self) -> None:
        if pid := self.pid:
            _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def start(folder: Path, kind: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program; its output goes where ours goes."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = folder / f"{kind}-{time.time_ns()}{NEW}"
    with made.open("xb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path = made.rename(made.with_suffix(LIVE))  # nobody sees it without its lock
        return subprocess.Popen(  # noqa: S603 - our own programs
            ["/bin/sh", "-c", BECOME, path, *argv],
            stdin=subprocess.DEVNULL,
            pass_fds=[file.fileno()],
            start_new_session=True,  # the terminal's Ctrl-C reaches only the autoscaler
        )


def living(folder: Path) -> list[Mark]:
    """Who lives, the oldest first; the files of the dead go."""
    marks = [Mark(path) for suffix in (LIVE, DRAINING) for path in folder.glob(f"*{suffix}")]
    found = []
    for mark in sorted(marks, key=lambda mark: mark.born):
        if mark.lives():
            found.append(mark)
        else:
            mark.path.unlink(missing_ok=True)
    return found
