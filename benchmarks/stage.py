"""The stage of a benchmark: throw-away servers, a model provider, real replicas and workers."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.error import URLError

import psycopg
import redis

from benchmarks import processes
from devtools.children import Command, NotStarted, tail
from devtools.local import Folder
from devtools.ports import free_port
from devtools.postgresql import PostgreSQL
from devtools.programs import Programs
from devtools.redis import Redis

READY_WITHIN = 60  # seconds
SERVERS = {"postgresql", "redis", "provider"}
CONNECTIONS = 1000  # four for each of 200 workers, and some


@dataclass
class Stage:
    """Everything by name; what is started ends with the stage."""

    environment: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    port: int = field(default_factory=free_port)  # of the replica

    def __enter__(self) -> Self:
        self._signals: dict[str, int] = {}
        self._stack = ExitStack()
        with self._stack:
            folder = tempfile.TemporaryDirectory(prefix="agentsite-benchmarks-")
            self._folder = Folder(Path(self._stack.enter_context(folder)))
            self._folder.path.chmod(0o711)  # PostgreSQL may run under an account of its own
            self._folder.make()
            self._stack.callback(self.stop, *SERVERS)
            self._start_servers()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop(*(set(self.running) - SERVERS))
        self._stack.close()

    def _start_servers(self) -> None:
        home = self._folder.path
        log = home / "postgresql.log"
        database = PostgreSQL(home / "postgresql", free_port(), log, connections=CONNECTIONS)
        database.create()
        database.await_ready(meanwhile=self.start(database.command()))
        memory = Redis(home / "redis", free_port(), home / "redis.log")
        memory.await_ready(meanwhile=self.start(memory.command()))
        provider = free_port()
        self.environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            "REDIS_URL": memory.url,
            "SECRET_KEY": "only-for-benchmarks",
            "ALLOWED_ORIGINS": self.address,
            "SOCKETS_PER_USER": "0",  # one account has them all
            "AGENT_MODEL": "stream",
            "AGENT_BASE_URL": f"http://127.0.0.1:{provider}/v1",
        }
        look = self.start(self._python("provider", f"-m tests.provider --port {provider}"))
        self._await(lambda: answers(f"http://127.0.0.1:{provider}/calls"), look)
        os.environ.update(self.environment)
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, check=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def replica(self, **environment: str) -> None:
        """Start the one replica anew, with other variables where they are given."""
        self.stop("replica-1")
        command = self._programs(environment).replica(1, self.port)
        self._await(lambda: answers(f"{self.address}/readyz"), self.start(command))

    def worker(self, **environment: str) -> None:
        """Start the one AgentWorker anew."""
        self.stop("worker-1")
        look = self.start(self._programs(environment).worker(1))
        self._await(lambda: self.rows("SELECT FROM workers_workerprocess") != [], look)

    def workers(self, count: int, **environment: str) -> None:
        """Start so many AgentWorkers anew."""
        names = [f"worker-{number}" for number in range(1, count + 1)]
        self.stop(*names)
        programs = self._programs(environment)
        for number in range(1, count + 1):
            look = self.start(programs.worker(number))
        self._await(lambda: len(self.rows("SELECT FROM workers_workerprocess")) >= count, look)

    def stock_workers(self, count: int) -> None:
        """Start RQ's own forking workers."""
        for number in range(1, count + 1):
            look = self.start(
                self._python(f"stock-{number}", "manage.py rqworker interactive default batch")
            )
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            self._await(lambda: client.scard("rq:workers") >= count, look)

    def stop(self, *names: str) -> None:
        """End them, and wait until they have ended."""
        ending = [name for name in names if name in self.running]
        for name in ending:
            self.running[name].send_signal(self._signals[name])
        for name in ending:
            self.running.pop(name).wait()

    def start(self, command: Command) -> Callable[[], None]:
        """The result tells when it died."""
        process = self.running[command.name] = command.start()
        self._signals[command.name] = command.stop_signal

        def look() -> None:
            if process.poll() is not None:
                raise NotStarted("\n".join([f"{command.name} died:", *tail(command.log)]))

        return look

    def cpu(self, *names: str) -> float:
        """Seconds of CPU time that these have used, by the beginning of their names."""
        return sum(processes.cpu(process.pid) for process in self._named(names))

    def memory(self, *names: str) -> int:
        """Bytes that these use."""
        return sum(processes.memory(process.pid) for process in self._named(names))

    def commands(self) -> int:
        """That Redis has run so far, those in scripts too."""
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            told: Mapping[str, Mapping[str, int]] = client.info("commandstats")
            return sum(command["calls"] for command in told.values())

    def forget(self) -> None:
        """All that Redis holds, hints too."""
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            client.flushall()

    def rows(self, statement: str, *values: object) -> list[tuple]:
        """What PostgreSQL holds."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def run(self, statement: str) -> None:
        """What has no result."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            connection.execute(statement.encode())

    def _named(self, names: tuple[str, ...]) -> list[subprocess.Popen[bytes]]:
        return [process for name, process in self.running.items() if name.startswith(names)]

    def _programs(self, environment: Mapping[str, str]) -> Programs:
        return Programs(self._folder, {**self.environment, **environment})

    def _python(self, name: str, arguments: str) -> Command:
        return self._programs({}).python(name, arguments)

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Until it is."""
        self._await(is_so, lambda: None)

    def _await(self, is_ready: Callable[[], bool], look: Callable[[], None]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not is_ready():
            look()
            if time.monotonic() > deadline:
                raise NotStarted("It was not ready within a minute")
            time.sleep(0.05)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
