"""A small API server of Kubernetes: the scale of Deployments, with versions and planned faults."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"


class Api(ThreadingHTTPServer):
    """Deployments of one namespace; `faults` are the statuses of its next answers."""

    daemon_threads = True

    def __init__(self, namespace: str = "agents") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.namespace = namespace
        self.replicas: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.faults: list[int] = []
        self.asked: list[tuple[str, str]] = []  # verb and who asked
        self.speaks = threading.Event()
        self.speaks.set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Meanwhile it hears, and answers nobody."""
        self.speaks.clear()
        try:
            yield
        finally:
            self.speaks.set()

    def put(self, name: str, replicas: int) -> None:
        """As kubectl would, from elsewhere."""
        self.replicas[name] = replicas
        self.versions[name] = self.versions.get(name, 0) + 1

    def name_in(self, path: str) -> str | None:
        names = {PREFIX.format(namespace=self.namespace, name=name): name for name in self.replicas}
        return names.get(path)

    def scale(self, name: str) -> dict[str, Any]:
        """Zero replicas are left out, as Go does."""
        replicas = self.replicas[name]
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "resourceVersion": str(self.versions[name]),
            },
            "spec": {"replicas": replicas} if replicas else {},
            "status": {"replicas": replicas, "selector": f"app={name}"},
        }


class Handler(BaseHTTPRequestHandler):
    """GET and PUT of a scale."""

    server: Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if name := self._found():
            self._answer(200, self.server.scale(name))

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not (name := self._found()):
            return
        if body["metadata"]["resourceVersion"] != str(self.server.versions[name]):
            self._refuse(409, "Conflict")
            return
        self.server.put(name, body["spec"]["replicas"])
        self._answer(200, self.server.scale(name))

    def _found(self) -> str | None:
        self.server.asked.append((self.command, self.headers.get("Authorization", "")))
        if self.server.faults:
            self._refuse(self.server.faults.pop(0), "InternalError")
            return None
        name = self.server.name_in(self.path)
        if name is None:
            self._refuse(404, "NotFound")
        return name

    def _refuse(self, status: int, reason: str) -> None:
        told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason}
        self._answer(status, told | {"code": status})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        if not self.server.speaks.is_set():
            self.server.speaks.wait()
            self.close_connection = True  # who asked has gone
            return
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status in {429, 503}:
            self.send_header("Retry-After", "60")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Into no test's output."""
