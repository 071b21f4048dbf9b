"""Child processes: each in a session of its own, with a log, and none outlives this process.

Start them from the main thread: Linux ends them when the thread that started them ends.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.health.vitals import Probe

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
TAIL_BYTES = 4096
TAIL_LINES = 6


class NotStarted(Exception):
    """Something that the site needs did not start; the message says what and why."""


@dataclass(frozen=True)
class Account:
    """Whom a child runs as, and nobody else's groups."""

    uid: int
    gid: int

    def arguments(self) -> dict[str, Any]:
        """What `subprocess` wants to hear."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Command:
    """How to start one child, any number of times, and how to end it."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    account: Account | None = None
    port: int | None = None
    pass_fds: tuple[int, ...] = ()
    probe: Probe | None = None  # whether it lives
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL  # what it gets when this process is killed

    def start(self) -> subprocess.Popen[bytes]:
        """Start it now; its output is added to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.argv,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.pass_fds,
                start_new_session=True,  # the terminal's Ctrl-C reaches only the supervisor
                preexec_fn=leash(self.orphan_signal),  # noqa: PLW1509 - no threads run yet
                **(self.account.arguments() if self.account else {}),
            )


def leash(orphan_signal: signal.Signals, parent: int | None = None) -> Any:
    """What a new child does before its program runs: ask to be ended when its `parent` is gone.

    That is this process. Only Linux can; elsewhere a supervisor that is killed leaves its children
    behind.
    """
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), parent or os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != parent:  # it was gone before we asked
            os._exit(1)

    return ask


def tail(log: Path) -> list[str]:
    """The last lines that a child wrote."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
