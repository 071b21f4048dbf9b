"""Programs of the site, forked from a process that has imported their libraries.

A start is imports for the most part, and the tests start hundreds. Each is a process with an
environment, a session and a log of its own, as one that is started by a command.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

from devtools.children import Command, leash
from devtools.programs import Programs

ROOT = Path(__file__).resolve().parents[1]
server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(["tests.preloaded"])


class Fork:
    """One that runs; to be used like `subprocess.Popen`."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """`args` without the interpreter: a script, or `-m` and a module, then its arguments."""
        self.args = tuple(args)
        log.touch()
        self._process = server.Process(target=become, args=(self.args, dict(env), log), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; raises `subprocess.TimeoutExpired`."""
        wait([self._process.sentinel], timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # the server buries it before we hear of it
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Running = subprocess.Popen[bytes] | Fork


def start(command: Command) -> Running:
    """Start it, by a fork where it is a program of the site."""
    python, *arguments = command.argv
    if python != sys.executable or command.account or command.pass_fds:
        return command.start()
    return Fork(arguments, command.env, command.log)


def migrate(programs: Programs, *, within: float) -> None:
    """Bring the tables of the programs' database up to date, in so many seconds."""
    command = programs.python("migrate", "manage.py migrate -v0")
    assert start(command).wait(within) == 0, command.log.read_text()


def become(args: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    """Be the program, from its first line to its last."""
    os.setsid()
    leash(signal.SIGKILL, os.getppid())()
    redirect(log)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    # multiprocessing allows children to no daemon, and has neither of the two calls at the end
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    try:
        run(args)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def redirect(log: Path) -> None:
    """Nothing comes in; what is written is added to the log."""
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def run(args: Sequence[str]) -> None:
    """As `python` does with these arguments."""
    sys.path.insert(0, str(ROOT))
    if args[0] == "-m":
        sys.argv = list(args[1:])
        runpy.run_module(args[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(args)
        runpy.run_path(args[0], run_name="__main__")
