"""The site's own programs as children of the local stack."""

import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devtools import readiness
from devtools.children import Command
from devtools.local import Folder
from workers.health import vitals

UVICORN = (
    "-m uvicorn agentsite.asgi:application --ws websockets-sansio --ws-max-size 65536"
    " --ws-per-message-deflate false --timeout-graceful-shutdown 20 --host 127.0.0.1"
)

# The pools of settings.FLEETS, the quarantine aside.
FLEETS = {"uniform": ["default"], "specialised": ["interactive", "default", "batch"]}


@dataclass(frozen=True)
class Programs:
    """How to start each; all have the same environment."""

    local: Folder
    environment: Mapping[str, str]

    def python(self, name: str, arguments: str, **options: Any) -> Command:
        return Command(
            name=name,
            argv=(sys.executable, *arguments.split()),
            log=self.local.log(name),
            env=self.environment,
            **options,
        )

    def prepare(self) -> Command:
        return self.python("prepare", "-m devtools.prepare")

    def worker(self, number: int, pool: str = "default") -> Command:
        arguments = f"manage.py agentworker --pool {pool}"
        return self.python(f"worker-{number}", arguments, probe=vitals.worker)

    def workers(self, count: int) -> list[Command]:
        """So many in each of the fleet's pools."""
        pools = FLEETS.get(self.environment.get("FLEET", ""), FLEETS["uniform"])
        crew = [pool for pool in pools for _ in range(count)]
        return [self.worker(number, pool) for number, pool in enumerate(crew, start=1)]

    def autoscaler(self) -> Command:
        """Has children of its own, which end when it does: so it is asked to, whatever happens."""
        return self.python("autoscaler", "manage.py autoscale", orphan_signal=signal.SIGTERM)

    def quarantine(self) -> Command:
        """RQ's forking worker: a turn that kills its process kills no other."""
        return self.python("quarantine", "manage.py agentworker --pool quarantine")

    def replica(self, number: int, port: int) -> Command:
        arguments, probe = f"{UVICORN} --port {port}", readiness.live(port)
        return self.python(f"replica-{number}", arguments, port=port, probe=probe)

    def tool_server(self, port: int) -> Command:
        """The sample in deploy/, for the demo agent."""
        arguments = f"-m uvicorn --app-dir deploy toolserver:application --port {port}"
        return self.python("toolserver", arguments)

    def door(self, listener: socket.socket, ports: Sequence[int]) -> Command:
        fd = listener.fileno()
        arguments = " ".join(map(str, ["-m devtools.frontdoor", fd, *ports]))
        return self.python("door", arguments, pass_fds=(fd,))
