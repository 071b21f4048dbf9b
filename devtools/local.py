"""The folder .local: the data, logs and variables of the local stack."""

import errno
import fcntl
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from devtools.children import NotStarted

# What to do when the disk refuses.
MENDS = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EACCES: "start as the account that made .local/, or delete it to begin anew",
    errno.EPERM: "start as the account that made .local/, or delete it to begin anew",
    errno.EROFS: "move the checkout to where you can write",
}


@contextmanager
def in_words() -> Iterator[None]:
    """What the disk refuses is said with its mend."""
    try:
        yield
    except OSError as error:
        if error.errno not in MENDS:
            raise
        place = error.filename or Path(".local").resolve()
        raise NotStarted(f"{error.strerror}: {place}; {MENDS[error.errno]}") from error


@dataclass(frozen=True)
class Folder:
    """.local of one checkout."""

    path: Path

    def make(self) -> None:
        """The folder and a fresh one for logs."""
        (self.path / "logs").mkdir(parents=True, exist_ok=True)
        for log in (self.path / "logs").iterdir():
            log.unlink()

    def share(self) -> None:
        """Where all processes of the stack, this one too, tell of themselves and count."""
        os.environ.setdefault("WORKER_STATUS_DIR", str(self.path / "status"))
        os.environ.setdefault("METRICS_DIR", str(self.path / "metrics"))

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def lock(self) -> TextIO:
        """Held until the file is closed: one stack at a time in a checkout."""
        self.path.mkdir(exist_ok=True)
        file = (self.path / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            mend = "stop it first, or start this one in another folder"
            raise NotStarted(f"the stack of this checkout is running already; {mend}") from error
        return file

    def variables(self) -> dict[str, str]:
        """What the last run wrote."""
        file = self.path / "env"
        if not file.exists():
            return {}
        words = shlex.split(file.read_text(encoding="utf-8"), comments=True)
        return dict(word.split("=", 1) for word in words)

    def write_variables(self, variables: Mapping[str, str]) -> None:
        """For `set -a; . .local/env` in another terminal."""
        lines = [f"{name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
        self.write("env", "\n".join(lines) + "\n")

    def write_processes(self, processes: Iterable[Mapping[str, Any]]) -> None:
        """Who runs now."""
        self.write("processes.json", json.dumps(list(processes), indent=1) + "\n")

    def write(self, name: str, text: str) -> None:
        """Replace the file at once; only its owner can read it."""
        file = self.path / f"{name}.new"
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        file.replace(self.path / name)
