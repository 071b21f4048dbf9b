"""Real worker processes on the tests' own servers."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from django.conf import settings

from devtools.ports import free_port
from devtools.redis import Redis
from tests import tasks
from tests.forks import Fork
from tests.waiting import GENEROUS, eventually
from workers import queues
from workers.models import WorkerProcess


class Fleet:
    """Starts workers, gives them jobs, and hears what the jobs tell."""

    def __init__(self, environment: dict[str, str], client: redis.Redis, logs: Path) -> None:
        self._logs = logs
        self._environment = environment | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_TASKS": ",".join(tasks.ALL),
        }
        self._client = client
        self._processes: list[Fork] = []

    def manage(self, *arguments: str, **environment: str) -> Fork:
        """Any command of manage.py."""
        log = self._logs / f"{len(self._processes)}.log"
        process = Fork(["manage.py", *arguments], self._environment | environment, log)
        self._processes.append(process)
        return process

    def said(self, process: Fork) -> str:
        """What a process wrote."""
        return (self._logs / f"{self._processes.index(process)}.log").read_text()

    def start(self, *arguments: str, **environment: str) -> Fork:
        """A worker, as soon as it is registered."""
        process = self.manage(*(arguments or ("agentworker",)), **environment)
        eventually(lambda: self.row(process) or process.poll() is not None)
        assert process.poll() is None, self.said(process)
        return process

    def row(self, process: Fork) -> WorkerProcess | None:
        return WorkerProcess.objects.filter(pid=process.pid).first()

    def enqueue(self, task: str, *arguments: object, pool: str = "default", **options) -> str:
        """A job for a function of tests.tasks; returns its id."""
        options = {"result_ttl": 0, "failure_ttl": 60} | options
        job = queues.queue(pool).enqueue_call(f"tests.tasks.{task}", arguments, **options)
        return job.id

    def started(self, name: str, **options) -> str:
        """The id of a job that runs until `go`."""
        job = self.enqueue("wait", name, **options)
        self.hears(name, "started")
        return job

    def go(self, name: str) -> None:
        self._client.rpush(f"test:{name}:go", "go")

    def hears(self, name: str, what: str, *, within: float = GENEROUS) -> None:
        """Wait until the job of this name tells something, and that it is this."""
        told = eventually(lambda: self._client.lpop(f"test:{name}"), within=within)
        assert told.decode() == what

    def looks_round(self, process: Fork) -> None:
        """Wait until this worker has looked at the others from now on."""
        now = self._sweeps(process)
        eventually(lambda: self._sweeps(process) >= now + 2)

    def _sweeps(self, process: Fork) -> int:
        return int(self._client.get(f"test:sweeps:{process.pid}") or 0)

    def close(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.fixture
def fleet(site_environment, redis_client, tmp_path) -> Iterator[Fleet]:
    crew = Fleet(site_environment, redis_client, tmp_path)
    yield crew
    crew.close()


@pytest.fixture(autouse=True)
def _own_queues(redis_client) -> Iterator[None]:
    yield
    for name in settings.QUEUES:
        queues.queue(name).connection.close()
    queues.queue.cache_clear()


class OtherRedis:
    """A Redis of its own for a test that takes it away."""

    def __init__(self, folder: Path) -> None:
        self._server = Redis(folder / "redis", free_port(), folder / "redis.log")
        self.url = self._server.url
        self.start()

    def start(self) -> None:
        self._process = self._server.command().start()
        self._server.await_ready(lambda: None)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def other_redis(tmp_path) -> Iterator[OtherRedis]:
    server = OtherRedis(tmp_path)
    yield server
    server.kill()
