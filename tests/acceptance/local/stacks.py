"""A local stack as a person starts it, in a checkout of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from devtools.ports import free_port

ROOT = Path(__file__).parents[3]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".local", ".*_cache", "__pycache__")
LIMIT = 300  # seconds for a start; a first one also downloads
GIVEN = ("DATABASE_", "REDIS_", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")  # the tests' own


def check_out(folder):
    """A copy of this tree that shares its .venv."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def open_up(folder):
    """Let PostgreSQL, which as root runs under another account, reach the folder of a test."""
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o711)
    return folder


def stranger():
    """The environment of somebody who has set nothing."""
    return {name: value for name, value in os.environ.items() if not name.startswith(GIVEN)}


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
        raise AssertionError("\n".join(self.said))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.status, answer.read()

    def processes(self, kind=""):
        """What .local/processes.json lists, by name."""
        listed = json.loads((self.checkout / ".local/processes.json").read_text())
        return {each["name"]: each for each in listed if each["name"].startswith(kind)}

    def everybody(self):
        """Every process that works in this checkout."""
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if self.has(entry)]

    def has(self, entry):
        place = str(self.checkout).encode()
        try:
            cwd = bytes((entry / "cwd").readlink())
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has just ended
            return False
        return cwd.startswith(place) or place in command

    def stop(self, number=signal.SIGTERM):
        """Send the signal; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=LIMIT)
        self.said += rest.splitlines()
        return self.process.returncode
