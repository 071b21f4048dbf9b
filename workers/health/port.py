"""A small HTTP server of a process that has none, where WORKER_HTTP_PORT is set.

/livez, /readyz and /metrics of a worker or an autoscaler, for orchestrators that ask over the
network instead of by `workerprobe`. In threads of its own: it answers while the process is stuck,
and says so.
"""

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Protocol
from weakref import WeakSet

import structlog
from django.conf import settings

from workers.health import status
from workers.health.sharing import Shared
from workers.observing import exposition

log = structlog.get_logger(__name__)

Answer = tuple[int, str, bytes]  # status, content type, body


class Told(Protocol):
    """What a process says of itself, as `workers.health.status.Status` does."""

    def faults(self, now: float) -> list[str]:
        """Why it ought to be started again, at this time of `status.now`; nothing: it lives."""

    def wants(self) -> list[str]:
        """Why it takes no work; nothing: it is ready."""


class Door(ThreadingHTTPServer):
    """Answers for one process."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], condition: Callable[[], Told]) -> None:
        super().__init__(address, Handler)
        _doors.add(self)
        self.condition = condition
        self.metrics = Shared(exposition.counted, fresh=1)

    def server_bind(self) -> None:
        """Not HTTPServer's, which asks a name server what nobody here wants to know."""
        TCPServer.server_bind(self)

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One question."""

    server: Door
    timeout = 5  # seconds

    def do_GET(self) -> None:
        answers = {"/livez": self._live, "/readyz": self._ready, "/metrics": self._metrics}
        code, content_type, body = answers.get(self.path, self._nothing)()
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's
        """Probes come often."""

    def _live(self) -> Answer:
        return told(self.server.condition().faults(status.now()))

    def _ready(self) -> Answer:
        condition = self.server.condition()
        return told([*condition.faults(status.now()), *condition.wants()])

    def _metrics(self) -> Answer:
        borne, address = self.headers.get("Authorization", ""), self.client_address[0]
        forwarded = bool({"X-Forwarded-For", "Forwarded"} & set(self.headers))
        if not exposition.may_read(borne, address=address, forwarded=forwarded):
            return self._nothing()
        return 200, exposition.CONTENT_TYPE, self.server.metrics.ask().result()

    def _nothing(self) -> Answer:
        return 404, "text/plain", b"Not found\n"


def told(reasons: list[str]) -> Answer:
    body = {"status": "unavailable" if reasons else "ok", "reasons": reasons}
    return 503 if reasons else 200, "application/json", json.dumps(body).encode()


class Port:
    """WORKER_HTTP_PORT for one process: of those of a host one has it, and after it another."""

    def __init__(self, condition: Callable[[], Told]) -> None:
        self._condition = condition
        self._door: Door | None = None
        self._was_refused = False

    def take(self) -> bool:
        """Answer from now on, if nobody else does; whether it is ours. To be tried again."""
        if self._door is None and settings.WORKER_HTTP_PORT:
            self._try((settings.WORKER_HTTP_HOST, settings.WORKER_HTTP_PORT))
        return self._door is not None

    def close(self) -> None:
        if self._door:
            self._door.close()

    def _try(self, address: tuple[str, int]) -> None:
        try:
            self._door = Door(address, self._condition)
        except OSError as error:
            if not self._was_refused:  # said once, not at each try
                log.warning("port_not_taken", port=address[1], reason=error.strerror)
            self._was_refused = True
            return
        threading.Thread(target=self._door.serve_forever, name="port", daemon=True).start()


_doors: WeakSet[Door] = WeakSet()


def _forked() -> None:
    """A child that outlived us would keep the port, and answer nobody."""
    for door in list(_doors):
        door.socket.close()


os.register_at_fork(after_in_child=_forked)
