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


@cache
def _process_start(pid: int) -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # field 22 of proc(5) stat; field 2, the command, may itself hold spaces and brackets
        ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:  # not Linux
        return f"seen {time.time_ns()}"
    return f"{boot} {ticks}"
