"""The children of this process: buried when they die, started again later and later."""

import signal
import subprocess
from time import monotonic

import structlog

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a restart; doubled at each early death
ENDED_WELL = {0, -signal.SIGTERM}  # the second: asked to end before it could listen
SETTLED = 10.0  # seconds of life after which a death is no early one

log = structlog.get_logger(__name__)


class Children:
    """Those of one pool. What was adopted is no child of ours and is not here."""

    def __init__(self, pool: str) -> None:
        self._pool = pool
        self._processes: dict[subprocess.Popen[bytes], float] = {}  # when each was started
        self._pause, self._due = FIRST_PAUSE, 0.0

    def add(self, process: subprocess.Popen[bytes]) -> None:
        self._processes[process] = monotonic()
        log.info("worker_launched", pool=self._pool, pid=process.pid)

    def may_start(self) -> bool:
        """False for a while after a death: what cannot live is not started in a circle."""
        return monotonic() >= self._due

    def bury(self) -> None:
        """Let the dead go, and wait longer where they died early and badly."""
        for process, started in list(self._processes.items()):
            if (status := process.poll()) is None:
                continue
            del self._processes[process]
            log.info("worker_ended", pool=self._pool, pid=process.pid, status=status)
            if status in ENDED_WELL:
                continue
            is_early = monotonic() - started < SETTLED
            self._pause = min(self._pause * 2, LONGEST_PAUSE) if is_early else FIRST_PAUSE
            self._due = monotonic() + self._pause

    def wait(self) -> None:
        """Until all are gone; each was asked to end."""
        for process in self._processes:
            process.wait()
        self.bury()
