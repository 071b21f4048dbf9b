"""The files of `metrics`: what the dead counted stays counted, in one file for all of them.

Each process writes files named by kind and `identity.mark`. Here, under a lock that all readers of
a directory share, those of the dead are added to `<kind>_dead.db` and removed; what only the
living can tell, gauges, is dropped. Whoever starts does so too, for perhaps nobody reads. Who is
killed at any moment of it adds nothing twice: the sum is written aside with a note of what is in
it, and takes the old one's place in one step.
"""

import fcntl
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from workers import identity

DEAD = "dead"

log = structlog.get_logger(__name__)


class Tallies:
    """A directory that the processes of one host share; a collector of prometheus_client."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def collect(self) -> Iterable[Metric]:
        """The sums over all processes, dead or alive."""
        with self._locked():
            self._fold()
            paths = map(str, self._files())
            merged: Iterable[Metric] = MultiProcessCollector.merge(paths)  # type: ignore[no-untyped-call]
            return merged

    def tidy(self) -> None:
        """Add up what the dead have left, unless somebody just does; whoever starts, starts anyway."""
        try:
            with self._locked(wait=False):
                self._fold()
        except BlockingIOError:
            return
        except Exception:
            log.exception("tallies_not_tidied")

    @contextmanager
    def _locked(self, *, wait: bool = True) -> Iterator[None]:
        """Raises BlockingIOError where another has the lock and nobody is to wait for it."""
        with (self._home / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield
            finally:  # to close it would not do: a child that was forked meanwhile has it open too
                fcntl.flock(lock, fcntl.LOCK_UN)

    def _files(self) -> list[Path]:
        """Without those that a process is about to make, which are still empty."""
        return sorted(path for path in self._home.glob("*.db") if path.stat().st_size)

    def _fold(self) -> None:
        """Add up what the dead have left."""
        left: dict[str, list[Path]] = defaultdict(list)
        for note in self._home.glob("*.note"):
            self._finish(note.stem)
        for path in self._files():
            kind, _, mark = path.stem.rpartition("_")
            if mark != DEAD and not identity.alive(mark):
                left[kind].append(path)
        for kind, paths in left.items():
            if kind.startswith("gauge"):
                remove(paths)
            else:
                self._add(kind, paths)

    def _add(self, kind: str, paths: list[Path]) -> None:
        total, aside = self._home / f"{kind}_{DEAD}.db", self._home / f"{kind}.sum"
        write(aside, summed([*paths, *filter(Path.exists, [total])]))
        note = self._home / f"{kind}.note"
        note.write_text(json.dumps([path.name for path in paths]), encoding="utf-8")
        aside.replace(total)
        self._finish(kind)

    def _finish(self, kind: str) -> None:
        """Remove what the note says is in the sum, if the sum has taken its place."""
        note, aside = self._home / f"{kind}.note", self._home / f"{kind}.sum"
        if not aside.exists():
            remove(self._home / name for name in json.loads(note.read_text(encoding="utf-8")))
        note.unlink()
        aside.unlink(missing_ok=True)


def summed(paths: Iterable[Path]) -> dict[str, float]:
    """The values of all files, added up by prometheus_client's own keys."""
    sums: dict[str, float] = defaultdict(float)
    for path in paths:
        values = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
        for key, value, _, _ in values:
            sums[key] += value
    return sums


def write(path: Path, sums: dict[str, float]) -> None:
    path.unlink(missing_ok=True)
    file = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        file.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]


def remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
