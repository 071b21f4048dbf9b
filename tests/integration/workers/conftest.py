"""Presence sessions on the tests' database."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from workers import queues
from workers.fleet.sessions import Session
from workers.models import WorkerProcess


@pytest.fixture
def direct(settings, site_environment):
    """The settings; presence connects to the tests' database."""
    settings.DATABASE_DIRECT_URL = site_environment["DATABASE_URL"]
    settings.WORKER_SWEEP = "tests.tasks.swept"
    return settings


@pytest.fixture
def sessions(direct) -> Iterator[Callable[[], Session]]:
    """Opens sessions, each as another worker would."""
    opened: list[Session] = []

    def open_session(**options: bool) -> Session:
        opened.append(Session(**options))
        return opened[-1]

    yield open_session
    for session in opened:
        session.close()


def row(session: Session | None = None, *, lease: float = 60, **traits: Any) -> WorkerProcess:
    """A worker's row, with the lock of its session."""
    process = unsaved(lease=lease, **traits)
    if session:
        process.lock = session.lock
    process.save()
    return process


def unsaved(*, lease: float = 60, name: str = "w", **traits: Any) -> WorkerProcess:
    """A worker that nobody knows yet."""
    now = timezone.now()
    defaults = {
        "pool": "default",
        "host": "here",
        "pid": 1,
        "process_start": "boot 1",
        "slots": 10,
        "started": now,
        "lease": now + timedelta(seconds=lease),
    }
    return WorkerProcess(name=name, **{**defaults, **traits})


@pytest.fixture
def queue(redis_client):
    """The default queue on the tests' Redis."""
    queues.queue.cache_clear()
    yield queues.queue("default")
    queues.queue("default").connection.close()
    queues.queue.cache_clear()


@pytest.fixture
def gaps(monkeypatch):
    """No rest between two looks, but where a test is about that."""
    rests = {"look": 0, "tidy": 0}
    monkeypatch.setattr("workers.fleet.sessions.GAPS", rests)
    return rests
