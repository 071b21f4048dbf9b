"""What Linux knows of a process and all that it started: CPU time and memory."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second


def cpu(pid: int) -> float:
    """Seconds of CPU time so far, with children dead and alive; 0 once its parent has counted it."""
    try:
        own = sum(map(int, stat(pid)[11:15])) / TICKS  # utime, stime, cutime, cstime
        return own + sum(cpu(child) for child in list(children(pid)))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def memory(pid: int) -> int:
    """Bytes, those that are shared divided by who shares them, with children."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own * 1024 + sum(memory(child) for child in children(pid))


def children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name of the program."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
