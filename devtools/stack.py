"""The local stack: PostgreSQL, Redis, workers, replicas and the front door, in this order."""

import errno
import os
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools import readiness, variables
from devtools.children import NotStarted, tail
from devtools.local import Folder, in_words
from devtools.ports import free_port
from devtools.postgresql import PostgreSQL, folder_for
from devtools.programs import Programs
from devtools.redis import Redis, describe
from devtools.supervisor import Child, Interrupted, Supervisor

# Seconds to end; longer than replicas and workers give what is under way.
SERVER_GRACE, REPLICA_GRACE, WORKER_GRACE, AUTOSCALER_GRACE = 15, 25, 30, 45
TOOLS_GRACE = 5
LISTED = ("replica", "worker")  # the processes in .local/processes.json
BACKLOG = 1024  # connections that wait while the door restarts


def run(*, port: int, replicas: int, workers: int | None) -> int:
    """Bring everything up, keep it up until a signal, take it down; the exit status.

    Without a number of `workers` an autoscaler starts and drains them.
    """
    local = Folder(Path(".local").resolve())
    try:
        with in_words(), local.lock(), listen(port) as listener:
            local.make()
            local.share()
            with Supervisor(tell=say, changed=lambda children: show(local, children)) as supervisor:
                stack = Stack(local, supervisor, listener.getsockname()[1], workers)
                stack.start_servers()
                stack.prepare()
                stack.start_tools()
                stack.start_site(listener, replicas=replicas)
                supervisor.watch()
    except NotStarted as problem:
        say(f"not started: {problem}")
        return 1
    except Interrupted:
        say("stopped")
    return 0


@dataclass
class Stack:
    """How each part comes up, a line for each step."""

    local: Folder
    supervisor: Supervisor
    port: int
    workers: int | None = None  # as many as the autoscaler wants
    variables: dict[str, str] = field(default_factory=dict)
    tools_port: int = field(default_factory=free_port)

    @property
    def programs(self) -> Programs:
        usual = variables.AUTOSCALED if self.workers is None else {}
        own = self.variables | {"LAUNCHER_FOLDER": str(self.local.path / "launched")}
        return Programs(self.local, usual | os.environ | own)

    def start_servers(self) -> None:
        """PostgreSQL and Redis, unless others are given; then .local/env is complete."""
        before = self.local.variables()
        given = variables.given(os.environ, before)
        servers = {"DATABASE_URL": self.start_postgresql, "REDIS_URL": self.start_redis}
        made = variables.made(before, self.port, tools_port=self.tools_port)
        for name in servers.keys() & given.keys():
            say(f"{name} is given and used")
        made |= {name: start() for name, start in servers.items() if name not in given}
        self.variables = made | given
        names = " ".join(made.keys() - given.keys())
        self.local.write_variables(self.variables | {variables.MADE: names})

    def start_postgresql(self) -> str:
        home = folder_for(self.local.path / "postgresql")
        server = PostgreSQL(home, free_port(), self.local.log("postgresql"))
        server.create()
        self.supervisor.start(server.command(), grace=SERVER_GRACE)
        server.await_ready(meanwhile=self.supervisor.look)
        say(f"PostgreSQL on port {server.port}, data in {home}")
        return server.url

    def start_redis(self) -> str:
        server = Redis(self.local.path / "redis", free_port(), self.local.log("redis"))
        self.supervisor.start(server.command(), grace=SERVER_GRACE)
        server.await_ready(meanwhile=self.supervisor.look)
        say(f"{describe(server.binary)} on port {server.port}")
        return server.url

    def prepare(self) -> None:
        """The tables and the account."""
        command = self.programs.prepare()
        if command.start().wait():
            lines = ["the tables cannot be brought up to date:", *tail(command.log)]
            raise NotStarted("\n".join(lines))
        say("tables are up to date")

    def start_tools(self) -> None:
        """The sample tool server; where it is down, the demo does without its tools."""
        if self.variables["TOOL_SERVERS"] == variables.tool_servers(self.tools_port):
            self.supervisor.start(self.programs.tool_server(self.tools_port), grace=TOOLS_GRACE)
            say(f"tool server on port {self.tools_port}")

    def start_site(self, listener: socket.socket, *, replicas: int) -> None:
        """Workers, then replicas and the door to them."""
        pool = self.start_autoscaler() if self.workers is None else self.start_workers(self.workers)
        ports = [free_port() for _ in range(replicas)]
        self.supervisor.start(
            self.programs.door(listener, ports),  # told first: it lets nobody in while they drain
            *(self.programs.replica(number, port) for number, port in enumerate(ports, start=1)),
            grace=REPLICA_GRACE,
        )
        self.await_replicas(ports)
        self.await_workers([child.pid for child in pool])
        say(f"ready http://127.0.0.1:{self.port}/")
        say("account {DEMO_USER} password {DEMO_PASSWORD}".format_map(self.variables))

    def start_workers(self, number: int) -> list[Child]:
        pool = self.supervisor.start(*self.programs.workers(number), grace=WORKER_GRACE)
        self.supervisor.start(self.programs.quarantine(), grace=WORKER_GRACE)
        return pool

    def start_autoscaler(self) -> list[Child]:
        """It waits for the workers that it drains, so it gets longer than they."""
        self.supervisor.start(self.programs.autoscaler(), grace=AUTOSCALER_GRACE)
        return []

    def await_replicas(self, ports: list[int]) -> None:
        look = self.supervisor.look
        readiness.wait("replicas", lambda: readiness.replicas(ports), meanwhile=look)
        say(f"{len(ports)} replicas on ports {', '.join(map(str, ports))}")

    def await_workers(self, pids: Sequence[int | None]) -> None:
        url, look = self.variables["DATABASE_URL"], self.supervisor.look
        if self.workers is None:
            readiness.wait("workers", lambda: readiness.anybody(url), meanwhile=look)
            say("an autoscaler: as many workers as there is work")
        else:
            readiness.wait("workers", lambda: readiness.workers(url, pids), meanwhile=look)
            say(f"{len(pids)} workers")


def listen(port: int) -> socket.socket:
    """The site's own address, held from the start, so that a taken one is said at once."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            mend = f"choose another: python3 dev.py run --port {free_port()}"
            raise NotStarted(f"port {port} is taken; {mend}") from error
        raise NotStarted(f"port {port} cannot be used: {error.strerror}") from error
    listener.listen(BACKLOG)
    return listener


def show(local: Folder, children: Iterable[Child]) -> None:
    """Keep .local/processes.json current; a full disk is no reason to stop the site."""
    listed = [
        {"name": child.command.name, "pid": child.pid, "port": child.command.port}
        for child in children
        if child.pid and child.command.name.startswith(LISTED)
    ]
    try:
        local.write_processes(listed)
    except OSError as problem:
        say(f"processes.json is not current: {problem}")


def say(step: str) -> None:
    """Tell whoever is there to hear it: a terminal may have gone away."""
    try:
        print(step, flush=True)
    except OSError:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
