"""The system under test: real replicas, workers, a Redis of its own and a model provider."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from devtools import readiness
from devtools.children import Command, leash
from devtools.local import Folder
from devtools.ports import free_port
from devtools.programs import Programs
from devtools.redis import Redis
from tests import forks
from tests.waiting import GENEROUS

APART = 15  # seconds between two requests to the scarce model: a busy machine sees one wait
SCARCE = {"compatible/stream?scarce=1": {"requests_per_minute": 60 / APART, "burst": 0}}
AGENTS = {
    "poison": {"agent": "tests.system.poison.agent"},
    "reader": {"agent": "tests.system.reader.agent"},
    "scarce": {"agent": "tests.system.scarce.agent"},
    "quarantined": {"agent": "workers.agents.assistant.agent", "queue": "quarantine"},
}


@dataclass
class Site:
    """Every process by name; what a test kills it starts again by the same name."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    environment: dict[str, str] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    processes: dict[str, forks.Running] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)

    def start_all(self, *, workers: int = 2) -> None:
        """A database, a Redis, a provider, then the site."""
        Folder(self.folder).make()
        self.environment = self.make_servers()
        programs = Programs(Folder(self.folder), self.environment)
        forks.migrate(programs, within=GENEROUS)
        for number, port in enumerate(self.ports, start=1):
            self.start(programs.replica(number, port))
        for number in range(1, workers + 1):
            self.start(programs.worker(number))
        self.start(programs.quarantine())
        self.await_ready()

    def make_servers(self) -> dict[str, str]:
        """Start what the site needs; the environment that tells the site of it."""
        self.redis = Redis(self.folder / "redis", free_port(), self.folder / "redis.log")
        self.start(self.redis.command())
        self.redis.await_ready(meanwhile=self.look)
        self.calls_file = self.folder / "calls.jsonl"
        self.database_url = self.make_database()
        self.provider_url = f"http://127.0.0.1:{self.start_provider()}"
        return os.environ | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url,
            "DJANGO_SETTINGS_MODULE": "tests.system.settings",
            "SECRET_KEY": "of-a-test",
            "ALLOWED_ORIGINS": ",".join(f"http://127.0.0.1:{port}" for port in self.ports),
            "AGENT_MODEL": "chain",
            "AGENT_BASE_URL": f"{self.provider_url}/v1",
            "AGENT_API_KEY": "of-a-test",
            "AGENTS": json.dumps(AGENTS),
            "PROVIDER_LIMITS": json.dumps(SCARCE),
            "READER_GATE": str(self.gate),
        }

    @property
    def gate(self) -> Path:
        """A file for which the agent `reader` waits."""
        return self.folder / "gate"

    def make_database(self) -> str:
        return create_database()

    def start_provider(self) -> int:
        argv = [sys.executable, "-m", "tests.provider", "--log", str(self.calls_file)]
        process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            preexec_fn=leash(signal.SIGKILL),  # noqa: PLW1509 - it is alone until it listens
        )
        self.processes["provider"] = process
        assert process.stdout is not None
        with process.stdout as said:
            return int(said.readline())

    def start(self, command: Command) -> None:
        self.commands[command.name] = command
        self.killed.discard(command.name)
        self.processes[command.name] = forks.start(command)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process and wait until it is gone."""
        self.killed.add(name)
        self.processes[name].send_signal(number)
        self.processes[name].wait(GENEROUS)

    def start_again(self, name: str) -> None:
        self.start(self.commands[name])

    def manage(self, *words: str) -> str:
        """What a command of the site says."""
        log = self.folder / "logs" / f"{uuid4().hex}.log"
        status = forks.Fork(["manage.py", *words], self.environment, log).wait(GENEROUS)
        assert status == 0, log.read_text()
        return log.read_text().strip()

    @asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """While it runs, what dies is started again at once, as in production."""

        async def supervise() -> None:
            while True:
                for name in [name for name, one in self.processes.items() if one.poll()]:
                    self.start_again(name)
                await asyncio.sleep(0.1)

        supervisor = asyncio.create_task(supervise())
        try:
            yield
        finally:
            supervisor.cancel()

    def mend(self) -> None:
        """Start again what a test ended."""
        for name in list(self.commands):
            if self.processes[name].poll() is not None:
                self.start_again(name)
        self.await_ready()

    def restart_redis(self) -> None:
        """Its memory is gone afterwards; its address stays."""
        self.kill("redis")
        self.start_again("redis")
        self.redis.await_ready(meanwhile=self.look)

    def await_ready(self) -> None:
        """Every replica answers and every worker has registered."""
        readiness.wait("replicas", lambda: readiness.replicas(self.ports), meanwhile=self.look)
        pids = [one.pid for name, one in self.processes.items() if name.startswith("worker")]
        is_ready = lambda: readiness.workers(self.database_url, pids)  # noqa: E731
        readiness.wait("workers", is_ready, meanwhile=self.look)

    def stop_all(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(GENEROUS)
            except subprocess.TimeoutExpired:
                process.kill()

    def look(self) -> None:
        """Fail at once where something died that should live."""
        for name, process in self.processes.items():
            assert name in self.killed or process.poll() is None, f"{name} ended: {self.log(name)}"

    def log(self, name: str) -> str:
        file = self.folder / "logs" / f"{name}.log"
        return file.read_text()[-3000:] if file.exists() else ""

    # --- What is seen from outside ----------------------------------------------------------

    def paid_calls(self, word: str = "") -> int:
        """How often the model was asked, as the provider itself wrote down."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return sum(word in json.loads(line)["prompt"] for line in lines)

    def release(self) -> None:
        """Let the provider's held replies go on."""
        request = urllib.request.Request(f"{self.provider_url}/release", method="POST")
        urllib.request.urlopen(request, timeout=GENEROUS).close()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What PostgreSQL holds."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement, values).fetchall()


def create_database() -> str:
    """An empty database on the tests' server; its address."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = f"system_{uuid4().hex}"
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return url._replace(path=f"/{name}").geturl()
