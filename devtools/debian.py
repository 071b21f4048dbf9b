"""Programs of Debian's that tests use as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import dev

LOCAL = Path("/usr/local/bin")


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


def unpacked(program: str, *, package: str) -> Path:
    """The program, of a package that also has a daemon: that is neither set up nor started."""
    found = find(program)
    if found is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            sys.exit(f"{program} missing; install with:\n  sudo apt-get install {package}")
        found = LOCAL / program
        with TemporaryDirectory(dir=LOCAL) as folder:
            run("apt-get", "-o", "DPkg::Lock::Timeout=300", "update", folder=folder)
            run("apt-get", "download", package, folder=folder)
            run("dpkg-deb", "-x", *map(str, Path(folder).glob("*.deb")), folder, folder=folder)
            (Path(folder) / "usr/bin" / program).replace(found)
    return found


def run(*words: str, folder: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
