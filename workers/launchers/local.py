"""Worker processes on the machine of the autoscaler, supervised by it.

All that it must know after a crash of its own stands in files (`marks`): an autoscaler that starts
finds what another one has started, goes on with what was started like its own, and drains the rest.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError

from workers import fingerprints, identity
from workers.health import vitals
from workers.health.vitals import Vitals
from workers.launchers import marks
from workers.launchers.children import Children
from workers.launchers.marks import Mark
from workers.models import WorkerProcess
from workers.pools import Pool

MARGIN = 15  # seconds beyond the grace until a process that drains is killed
LOOK = 0.1  # seconds between two looks at those that drain when the autoscaler ends
# With other servers, or told of its work otherwise, a process is another, whatever the fingerprints.
ALIKE = (
    "DATABASES",
    "DATABASE_DIRECT_URL",
    "REDIS_URL",
    "REDIS_QUEUE_URL",
    "REDIS_CACHE_URL",
    "REDIS_LIVE_URL",
    "REDIS_STORE_URL",
    "DISTRIBUTION",
)

log = structlog.get_logger(__name__)


class LocalProcesses:
    """A process is started and ended here; the least busy goes first, of these the newest."""

    def __init__(self, command: Callable[[Pool], Sequence[str]] | None = None) -> None:
        """`command`: what to start for a pool, instead of its worker."""
        self._command = command or command_of
        self._folder = Path(settings.LAUNCHER_FOLDER)
        self._wanted: dict[str, int] = {}
        self._children: dict[str, Children] = {}
        self._vitals: dict[str, dict[str, Vitals]] = {}  # by pool, and by the mark's own name

    def adopt(self, pool: Pool) -> None:
        """Go on with as many as another autoscaler has left."""
        self._wanted[pool.name] = found = len(self._serving(pool))
        if found:
            log.info("workers_adopted", pool=pool.name, size=found)

    def size(self, pool: Pool) -> int:
        if pool.name not in self._wanted:  # a dry run adopts nothing
            return len(self._serving(pool))
        return self._wanted[pool.name]

    def scale(self, pool: Pool, size: int) -> None:
        self._wanted[pool.name] = size
        self.tend(pool)

    def tend(self, pool: Pool) -> None:
        """As many as are wanted serve; who was started otherwise drains, who drains late is killed."""
        try:
            self._tend(pool)
            self._end_strangers()
        except OSError:  # no room on the disk or for a process: the next look tries again
            log.exception("workers_not_tended", pool=pool.name)

    def close(self, pools: Sequence[str]) -> None:
        """Drain all, and wait until they are gone."""
        folders = [self._folder / pool for pool in pools]
        while left := [mark for folder in folders for mark in marks.living(folder)]:
            for mark in left:
                end(mark)
            time.sleep(LOOK)
        for pool in pools:
            self._children_of(pool).wait()

    def _tend(self, pool: Pool) -> None:
        children = self._children_of(pool.name)
        children.bury()
        serving = self._alike(pool)
        missing = self._wanted.get(pool.name, 0) - len(serving)
        if missing > 0 and children.may_start():
            for _ in range(missing):
                children.add(marks.start(self._home(pool), kind_of(pool), self._command(pool)))
        for mark in in_order_of_leaving(serving)[: max(-missing, 0)]:
            mark.drain()
        self._kill_late(pool)

    def _children_of(self, pool: str) -> Children:
        return self._children.setdefault(pool, Children(pool))

    def _home(self, pool: Pool) -> Path:
        return self._folder / pool.name

    def _serving(self, pool: Pool) -> list[Mark]:
        return [mark for mark in marks.living(self._home(pool)) if mark.drains_since is None]

    def _alike(self, pool: Pool) -> list[Mark]:
        """Those that serve and were started as ours would be; the others are asked to end."""
        kind, alike = kind_of(pool), []
        for mark in self._serving(pool):
            if mark.kind == kind:
                alike.append(mark)
            else:
                mark.drain()
        return alike

    def _end_strangers(self) -> None:
        """Who serves a pool that the settings have no more, and nobody else looks after."""
        for home in self._folder.glob("*/"):
            for mark in marks.living(home) if home.name not in settings.POOLS else ():
                if mark.drains_since is None:
                    log.info("worker_of_no_pool", pool=home.name, pid=mark.pid)
                end(mark)

    def _kill_late(self, pool: Pool) -> None:
        living, known = marks.living(self._home(pool)), self._vitals.get(pool.name, {})
        self._vitals[pool.name] = {
            mark.path.stem: known.get(mark.path.stem, Vitals()) for mark in living
        }
        for mark in living:
            if is_late(mark) or self._is_stuck(mark, pool):
                log.error("worker_killed", pool=pool.name, pid=mark.pid)
                mark.kill()

    def _is_stuck(self, mark: Mark, pool: Pool) -> bool:
        """Whether it has failed its liveness probe again and again."""
        if (pid := mark.pid) is None:
            return False
        known = self._vitals[pool.name][mark.path.stem]
        return known.are_gone(vitals.worker, pid, time.monotonic())


def end(mark: Mark) -> None:
    """Ask it to, and kill it where it has not in time."""
    if mark.drains_since is None:
        mark.drain()
    elif is_late(mark):
        mark.kill()


def is_late(mark: Mark) -> bool:
    """Whether it should have ended long ago."""
    since = mark.drains_since
    return since is not None and time.time() - since > settings.WORKER_GRACE + MARGIN


def in_order_of_leaving(serving: Sequence[Mark]) -> list[Mark]:
    """Who does least goes first, of these the newest."""
    loads = loads_of([mark.pid for mark in serving if mark.pid])
    return sorted(serving, key=lambda mark: (loads.get(mark.pid or 0, -1), -mark.born))


def loads_of(pids: Sequence[int]) -> Mapping[int, int]:
    """Jobs in flight by pid; who has not registered yet is missing."""
    here = WorkerProcess.objects.filter(host=identity.own().host, pid__in=pids)
    try:
        return dict(here.values_list("pid", "in_flight"))
    except DatabaseError:
        return {}  # then the newest goes


def command_of(pool: Pool) -> list[str]:
    """The program of one process of the pool."""
    return [sys.executable, "-m", "django", "agentworker", "--pool", pool.name]


def kind_of(pool: Pool) -> str:
    """A digest of all that makes one process of the pool like another; it gives nothing away."""
    told = [getattr(settings, name) for name in ALIKE]
    made_of = [command_of(pool), pool, fingerprints.own(), told]
    return fingerprints.fingerprint("launched", made_of)
