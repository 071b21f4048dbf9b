"""The system under chaos: its processes, each behind relays of its own, and who restarts them."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis

from devtools import readiness
from devtools.children import Command
from devtools.local import Folder
from devtools.ports import free_port
from devtools.postgresql import PostgreSQL
from devtools.programs import Programs
from devtools.redis import Redis
from tests import forks
from tests.chaos.audit import AUDIT
from tests.chaos.relay import Relay

REPLICAS, WORKERS = 2, 3
LIMIT = 240  # seconds for anything to start
MODEL = "chain?rate=25"  # words a second; see tests.provider.script
WHOLE = {"agent": "tests.chaos.agent.agent", "window": 0}  # the history is never cut
LOOK_EVERY = 0.05  # seconds
BUGGY = "tests.chaos.buggy"  # settings


@dataclass
class Process:
    """One process of the site and its two relays."""

    name: str
    command: Command
    postgresql: Relay
    redis: Relay
    running: forks.Running | None = None
    frozen: bool = False


@dataclass
class Arena:
    """Everything that runs: the servers for as long as it is open, the site in `site()`."""

    folder: Path
    bug: str = ""  # a function of `buggy.bugs` that every process calls
    processes: dict[str, Process] = field(default_factory=dict)
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(REPLICAS)])
    deaths: int = 0

    async def __aenter__(self) -> "Arena":
        Folder(self.folder).make()
        self.folder.chmod(0o711)
        self.start_servers()
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in (self.provider, self.redis_process, self.postgresql_process):
            server.send_signal(signal.SIGINT)
            await asyncio.to_thread(server.wait, LIMIT)

    @asynccontextmanager
    async def site(self, bug: str = "") -> AsyncIterator[None]:
        """The site with nothing in it, until it is left."""
        self.bug, self.deaths = bug, 0
        self.clean()
        supervisor = asyncio.create_task(self.supervise())
        try:
            await self.add_all()
            await self.ready()
            yield
        finally:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)
            await self.remove_all()

    # --- Servers ----------------------------------------------------------------------------

    def start_servers(self) -> None:
        self.postgresql = PostgreSQL(
            self.folder / "pg", free_port(), self.folder / "pg.log", durable=False
        )
        self.postgresql.create()
        self.start_postgresql()
        self.redis = Redis(self.folder / "redis", free_port(), self.folder / "redis.log")
        self.start_redis()
        self.calls = self.folder / "calls.jsonl"
        self.calls.touch()
        self.effects = self.folder / "effects.jsonl"
        self.effects.touch(0o666)
        self.start_provider()
        direct = {"DATABASE_URL": self.postgresql.url, "REDIS_URL": self.redis.url}
        forks.migrate(Programs(Folder(self.folder), os.environ | direct), within=LIMIT)
        self.run(AUDIT)

    def start_provider(self) -> None:
        self.provider_port = free_port()
        words = f"-m tests.provider --port {self.provider_port} --log {self.calls}"
        programs = Programs(Folder(self.folder), os.environ)
        self.provider = programs.python("provider", words).start()

    def clean(self) -> None:
        """What an earlier run has left."""
        self.run("TRUNCATE auth_user, workers_workerprocess, audit, stopped CASCADE")
        self.redis_client().flushall()
        self.calls.write_text("")
        self.effects.write_text("")

    def start_postgresql(self) -> None:
        self.postgresql_process = self.postgresql.command().start()
        self.postgresql.await_ready(meanwhile=lambda: None)

    def start_redis(self) -> None:
        self.redis_process = self.redis.command().start()
        self.redis.await_ready(meanwhile=lambda: None)

    async def crash_postgresql(self) -> None:
        """An immediate stop, as by a crash, then a start with recovery."""
        self.postgresql_process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(self.postgresql_process.wait, LIMIT)
        await asyncio.to_thread(self.start_postgresql)

    async def restart_redis(self) -> None:
        """Its memory is gone."""
        self.redis_process.kill()
        await asyncio.to_thread(self.redis_process.wait, LIMIT)
        await asyncio.to_thread(self.start_redis)

    # --- Processes of the site ----------------------------------------------------------------

    async def add_all(self) -> None:
        for number, port in enumerate(self.ports, start=1):
            await self.add(f"replica-{number}", number, port)
        for number in range(1, WORKERS + 1):
            await self.add(f"worker-{number}", number, None)
        await self.add("quarantine", 0, None)

    async def remove_all(self) -> None:
        for process in self.processes.values():
            if process.running:
                process.running.kill()
                process.running.wait()
            await process.postgresql.close()
            await process.redis.close()
        self.processes.clear()

    async def add(self, name: str, number: int, port: int | None) -> None:
        relays = Relay(self.postgresql.port), Relay(self.redis.port)
        for relay in relays:
            await relay.open()
        programs = Programs(Folder(self.folder), self.environment(*relays))
        self.processes[name] = Process(name, command_of(programs, name, number, port), *relays)

    def environment(self, postgresql: Relay, redis_relay: Relay) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": through(self.postgresql.url, postgresql.port),
            "REDIS_URL": through(self.redis.url, redis_relay.port),
            "DJANGO_SETTINGS_MODULE": BUGGY if self.bug else "tests.chaos.settings",
            "CHAOS_BUG": self.bug,
            "SECRET_KEY": "of-a-test",
            "ALLOWED_ORIGINS": ",".join(f"http://127.0.0.1:{port}" for port in self.ports),
            "AGENTS": json.dumps({"assistant": WHOLE}),
            "CHAOS_EFFECTS": str(self.effects),
            "AGENT_MODEL": MODEL,
            "AGENT_BASE_URL": f"http://127.0.0.1:{self.provider_port}/v1",
            "AGENT_API_KEY": "of-a-test",
        }

    async def supervise(self) -> None:
        """Start whoever is not running."""
        while True:
            for process in list(self.processes.values()):
                if process.running is None or process.running.poll() is not None:
                    self.deaths += process.running is not None
                    process.running = forks.start(process.command)
                    process.frozen = False
            await asyncio.sleep(LOOK_EVERY)

    async def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """A signal; who dies of it is started again."""
        process = self.processes[name].running
        if process and process.poll() is None:
            process.send_signal(number)

    async def ready(self) -> None:
        """All replicas answer, all workers have registered."""
        pids = lambda: [one.running.pid for one in self.named("worker") if one.running]  # noqa: E731

        def is_up():
            return readiness.replicas(self.ports) and readiness.workers(self.postgresql.url, pids())

        async with asyncio.timeout(LIMIT):
            while not await asyncio.to_thread(is_up):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(LOOK_EVERY)

    def named(self, prefix: str) -> list[Process]:
        return [one for name, one in self.processes.items() if name.startswith(prefix)]

    # --- What is seen past the relays -----------------------------------------------------------

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.postgresql.url, autocommit=True) as connection:
            return connection.execute(statement, values or None).fetchall()

    def run(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.postgresql.url, autocommit=True) as connection:
            connection.execute(statement, values or None)

    def redis_client(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis.url)


def command_of(programs: Programs, name: str, number: int, port: int | None) -> Command:
    if name == "quarantine":
        return programs.quarantine()
    return programs.replica(number, port) if port else programs.worker(number)


def through(url: str, port: int) -> str:
    """The same server, reached through a relay."""
    parts = urlsplit(url)
    account = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{account}@127.0.0.1:{port}").geturl()
