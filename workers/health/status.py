"""What each worker of this machine says of itself: a small file that it writes every second.

For `workers.health.probe`, which starts too often to load Django: only the standard library.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

from workers import identity

STALE = 10.0  # seconds without a turn of the loop until a worker counts as stuck
PATIENT = frozenset({"pool paused"})  # reasons for which a worker that lacks nothing rests


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One worker, as it was when it wrote. Times are of the machine's monotonic clock, in seconds."""

    name: str
    pool: str
    pid: int
    mark: str  # as `identity.mark` has it
    turned: float  # when its event loop last turned
    since: float  # when it was last seen to get on: it fetched, or nothing waited
    patience: float  # seconds that it may go without
    lacking: dict[str, str] = field(default_factory=dict)  # what it lacks, with the mend
    closed: list[str] = field(default_factory=list)  # why its gate is closed

    def faults(self, now: float) -> list[str]:
        """Why it ought to be started again; nothing: it lives."""
        if not identity.alive(self.mark):
            return ["its process is gone"]
        found = []
        if (still := now - self.turned) > STALE:
            found.append(f"its event loop stands still for {still:.0f} s")
        if (idle := now - self.since) > self.patience:
            found.append(f"work waits and it fetched none for {idle:.0f} s")
        return found

    def wants(self) -> list[str]:
        """Why it takes no work; nothing: it is ready."""
        reasons = [reason for reason in self.closed if reason not in {*PATIENT, "not_ready"}]
        return [*(f"{part}: {mend}" for part, mend in self.lacking.items()), *reasons]


def directory() -> Path:
    """Where the files are; readable by this account only."""
    told = os.environ.get("WORKER_STATUS_DIR")
    default = Path(tempfile.gettempdir()) / f"agentsite-{os.getuid()}"
    return Path(told) if told else default


def is_ours(home: Path) -> bool:
    """In the system's temporary folder anybody may have made it before us."""
    try:
        return home.stat().st_uid == os.getuid()
    except OSError:  # it is not there, or nobody may look
        return False


def write(status: Status) -> None:
    """Replace what this worker said before. Raises OSError; then it says nothing any more.

    What it said before would grow old on a full disk, and look as if its loop stood still.
    """
    try:
        _write(status, directory())
    except OSError:
        forget(status.name)
        raise


def _write(status: Status, home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(home):
        raise PermissionError(f"{home} belongs to another account: set WORKER_STATUS_DIR")
    path, fresh = home / f"{status.name}.json", home / f"{status.name}.new"
    fresh.write_text(json.dumps(asdict(status)), encoding="utf-8")
    fresh.replace(path)


def forget(name: str) -> None:
    """A worker that ends says nothing more."""
    for path in (directory() / f"{name}.json", directory() / f"{name}.new"):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def everyone() -> Iterator[Status]:
    """What all workers of this machine say, the killed ones too."""
    home = directory()
    for path in sorted(home.glob("*.json")) if is_ours(home) else ():
        try:
            yield Status(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            continue  # it ended just now, or another version wrote it


def sweep() -> None:
    """Remove what the dead have left."""
    for status in everyone():
        if not identity.alive(status.mark):
            forget(status.name)


def of(pid: int) -> Status | None:
    """What the worker of this process says; None: nothing, for it starts, or cannot write."""
    return next((status for status in everyone() if status.pid == pid), None)


def now() -> float:
    """The clock of `Status`."""
    return monotonic()
