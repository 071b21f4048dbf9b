"""Which process this is: host, pid and when it started, as no other process ever was."""

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of one machine; a pid is used again, its start with it is not."""

    host: str
    pid: int
    process_start: str  # boot id and start time of the pid

    def name(self, prefix: str) -> str:
        """A worker's name: the same for this process's whole life, never for another's."""
        digest = hashlib.blake2s(repr(self).encode(), digest_size=4).hexdigest()
        return f"{prefix}-{digest}"


def own() -> Identity:
    """Of the process that asks; a forked child has its own."""
    pid = os.getpid()
    return Identity(socket.gethostname(), pid, _process_start(pid))


def mark() -> str:
    """Of the process that asks, for names of its files: pid and start, of which `alive` can tell."""
    return _mark(os.getpid())


def alive(mark: str) -> bool:
    """Whether the process of this mark still runs on this machine."""
    pid, _, start = mark.partition("-")
    if start:
        return _ticks(int(pid)) == start
    try:  # not Linux
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _mark(pid: int) -> str:
    start = _ticks(pid)
    return f"{pid}-{start}" if start else str(pid)


@cache
def _process_start(pid: int) -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # not Linux
        return f"seen {time.time_ns()}"
    return f"{boot} {_ticks(pid)}"


def _ticks(pid: int) -> str | None:
    """When it started, in the kernel's ticks since boot; None: no such process, or not Linux."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # field 22 of proc(5) stat; field 2, the command, may itself hold spaces and brackets
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]  # dead, though nobody has asked how it ended
