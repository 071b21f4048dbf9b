"""When the parts of the local stack are ready, as somebody outside sees it."""

import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, LiteralString

import psycopg

from devtools.children import NotStarted
from workers.health.vitals import Probe

LIMIT = 180  # seconds; who died is found at once, so only a slow machine is waited for
LOOK_EVERY = 0.1  # seconds

# Of each process only its newest registration has a lease that has not run out.
LIVE_WORKERS = "SELECT count(*) FROM workers_workerprocess WHERE lease > now()"


def wait(what: str, is_ready: Callable[[], bool], *, meanwhile: Callable[[], None]) -> None:
    """Return when it is ready; what takes too long is not coming."""
    deadline = time.monotonic() + LIMIT
    while not is_ready():
        if time.monotonic() > deadline:
            raise NotStarted(f"{what} did not get ready within {LIMIT} seconds; see .local/logs/")
        meanwhile()
        time.sleep(LOOK_EVERY)


def replicas(ports: Sequence[int]) -> bool:
    """Whether the web processes on these ports all say so."""
    return all(map(replica, ports))


def replica(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # no listener yet, or 503
        return False


def live(port: int) -> Probe:
    """Whether the web process on this port answers at all."""

    def ask(pid: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return ask


def workers(database_url: str, pids: Sequence[int | None]) -> bool:
    """Whether all of these processes have said in the database that they live."""
    return registered(database_url, f"{LIVE_WORKERS} AND pid = ANY(%s)", list(pids)) >= len(pids)


def anybody(database_url: str) -> bool:
    """Whether any worker has."""
    return registered(database_url, LIVE_WORKERS) > 0


def registered(database_url: str, statement: LiteralString, *values: Any) -> int:
    try:
        with psycopg.connect(database_url) as connection:
            row = connection.execute(statement, values).fetchone()
    except psycopg.Error:
        return 0
    return row[0] if row else 0
