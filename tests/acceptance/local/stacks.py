"""A local stack as a person starts it, in a checkout of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from devtools.ports import free_port
from tests.waiting import GENEROUS

ROOT = Path(__file__).parents[3]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".local", ".*_cache", "__pycache__")
LIMIT = 500  # seconds for a start; a first one also downloads
GIVEN = ("DATABASE_", "REDIS_", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")  # the tests' own


def check_out(folder):
    """A copy of this tree that shares its .venv."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


@contextmanager
def open_folder():
    """A folder that PostgreSQL can reach when root runs it under another account.

    Not one of pytest's: each session of it closes the folder of all sessions again.
    """
    with tempfile.TemporaryDirectory(prefix="agentsite-local-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def stranger():
    """The environment of somebody who has set nothing."""
    return {name: value for name, value in os.environ.items() if not name.startswith(GIVEN)}


def processes_in(folder):
    """Who works in the folder or names it on the command line."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if is_in(folder, Path(f"/proc/{pid}"))]


def is_in(folder, process):
    place = bytes(folder)
    try:
        cwd, command = bytes((process / "cwd").readlink()), (process / "cmdline").read_bytes()
    except OSError:  # it has just ended
        return False
    return cwd.startswith(place) or place in command


class LocalStack:
    """`dev.py run` in a checkout, until it is ready."""

    def __init__(self, checkout, *options, command=(sys.executable, "-m", "devtools"), **kwargs):
        self.checkout, self.port = checkout, free_port()
        self.process = subprocess.Popen(
            [*command, "run", "--port", str(self.port), *options],
            cwd=checkout,
            env=kwargs.pop("env", None) or stranger(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **kwargs,
        )
        self.said = []

    def await_line(self, start):
        """Read what it says up to a line that starts so."""
        alarm = threading.Timer(LIMIT, self.process.kill)
        alarm.start()
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.startswith(start):
                alarm.cancel()
                return self
        alarm.cancel()
        self.process.communicate()
        raise AssertionError("\n".join(self.said))

    def get(self, path):
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}{path}", timeout=GENEROUS
        ) as answer:
            return answer.status, answer.read()

    def processes(self, kind=""):
        """What .local/processes.json lists, by name."""
        listed = json.loads((self.checkout / ".local/processes.json").read_text())
        return {each["name"]: each for each in listed if each["name"].startswith(kind)}

    def everybody(self):
        """Every process that works in this checkout."""
        return processes_in(self.checkout)

    def stop(self, number=signal.SIGTERM):
        """Send the signal; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=LIMIT)
        self.said += rest.splitlines()
        return self.process.returncode
