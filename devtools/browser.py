"""A browser for the tests: one that is there, else Debian's headless Chromium."""

import os
import shutil
import subprocess
from pathlib import Path

import dev

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ON_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def ensure() -> Path:
    """A program that starts; root installs what is missing, others are told how."""
    program = find()
    if program is None or not starts(program):
        dev.apt_install("chromium-headless-shell", "libatomic1")
        program = find()
    assert program
    return program


def find() -> Path | None:
    """BROWSER, where given, else the first that is there."""
    if given := os.environ.get("BROWSER"):
        return Path(given)
    on_path = [Path(found) for found in map(shutil.which, NAMES) if found]
    return next((path for path in [*on_path, ON_MAC] if path.exists()), None)


def starts(program: Path) -> bool:
    """Whether it finds its libraries: Debian's lacks libatomic1 where nothing else wants it."""
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
