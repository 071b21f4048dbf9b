"""Programs of Debian's that tests use as they are."""

import os
import shutil
from pathlib import Path

import dev


def ensure(program: str) -> Path:
    """The program, of the package of its name; root installs it, others are told how."""
    found = find(program)
    if found is None:
        dev.apt_install(program)
        found = find(program)
    assert found
    return found


def find(program: str) -> Path | None:
    """Where it is: of daemons an ordinary user's PATH knows nothing."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None
