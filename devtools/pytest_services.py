"""A pytest plugin: servers for the tests, started before Django's settings are read.

Where DATABASE_URL or REDIS_URL is given, that server is used; the tests then work in a database of
their own on it: `test_<name>` on PostgreSQL, as Django does, and the last one (15) on Redis. With xdist
(`-n 2`) each process has servers of its own: tests empty Redis and count what PostgreSQL writes.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devtools.children import Command, NotStarted, tail
from devtools.ports import free_port
from devtools.postgresql import PostgreSQL
from devtools.redis import Redis

STOP_WITHIN = 60  # seconds; one that is killed leaves its children behind
# A shell that has read .local/env has them: tests would be counted and told of as if of that stack.
OF_A_STACK = ("METRICS_DIR", "WORKER_STATUS_DIR")

servers = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start what is missing; pytest-django reads the settings only after this."""
    asked_to_run = not (early_config.known_args_namespace.help or early_config.option.version)
    if asked_to_run:
        try:
            start_missing()
        except BaseException:
            servers.close()
            raise
    return (yield)


def pytest_unconfigure() -> None:
    """Stop what was started."""
    servers.close()


def start_missing() -> None:
    """Give DATABASE_URL and REDIS_URL to the tests and to every process that they start."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: clean up, then end
    for name in OF_A_STACK:
        os.environ.pop(name, None)
    folder = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="agentsite-tests-")))
    folder.chmod(0o711)  # PostgreSQL may run under an account of its own
    one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    if one_of_several or not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = start_postgresql(folder)
    given = os.environ.get("REDIS_URL")
    if given and not one_of_several:
        os.environ["REDIS_URL"] = urlsplit(given)._replace(path="/15").geturl()
    else:
        os.environ["REDIS_URL"] = start_redis(folder)


def start_postgresql(folder: Path) -> str:
    home, log = folder / "postgresql", folder / "postgresql.log"
    server = PostgreSQL(home, free_port(), log, durable=False)
    server.create()
    server.await_ready(meanwhile=run(server.command()))
    return server.url


def start_redis(folder: Path) -> str:
    server = Redis(folder / "redis", free_port(), folder / "redis.log")
    server.await_ready(meanwhile=run(server.command()))
    return server.url


def run(command: Command) -> Callable[[], None]:
    """Start it until the tests are over; the result tells when it died."""
    process = command.start()
    servers.callback(stop, process, command.stop_signal)

    def look() -> None:
        if process.poll() is not None:
            raise NotStarted("\n".join([f"{command.name} died:", *tail(command.log)]))

    return look


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Ask it to end; kill it when it does not."""
    process.send_signal(number)
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
