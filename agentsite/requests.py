"""What surrounds each request and socket: its id, its trace, its part in the metrics.

The id is the front door's or the client's X-Request-ID where it is one, else made here; every log
line and every turn of the request carries it, and the response tells it.
"""

import re
from collections.abc import Callable
from time import perf_counter
from typing import Any
from uuid import uuid4

from structlog.contextvars import bound_contextvars

from workers.observing import metrics, tracing

ID = re.compile(rb"[A-Za-z0-9._:=+/-]{1,100}")
TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
PROBES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
# Of metrics: few and known, for whoever asks chooses the path.
ROUTES = (("/v1/", "api"), ("/admin/", "admin"), ("/static/", "static"), ("/", "page"))
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CODES = range(1000, 1016)  # of RFC 6455; above 3000 a client may say what it likes


class Requests:
    """Wraps an ASGI application."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            visit: Visit = Socket(scope, receive, send)
        elif scope["type"] == "http":
            visit = Visit(scope, receive, send)
        else:
            await self._application(scope, receive, send)
            return
        with bound_contextvars(request=visit.id):
            await visit.through(self._application)


class Visit:
    """One HTTP request on its way through."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.id = header(scope, b"x-request-id", ID) or uuid4().hex
        self._scope, self._receive, self._send = scope, receive, send
        self._status = 0

    async def through(self, application: Callable[..., Any]) -> None:
        path, method = self._scope["path"], self._scope["method"]
        if path in PROBES:
            await application(self._scope, self._receive, self._send)
            return
        route = next(name for prefix, name in ROUTES if path.startswith(prefix) or prefix == "/")
        began = perf_counter()
        try:
            with tracing.span(method, header(self._scope, b"traceparent", TRACEPARENT), path=path):
                await application(self._scope, self._receive, self._responding)
        finally:
            known = method if method in METHODS else "other"
            metrics.REQUESTS.labels(route, known, self._status or 499).inc()
            metrics.REQUEST_TIME.labels(route).observe(perf_counter() - began)

    async def _responding(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            named = (b"x-request-id", self.id.encode())
            message = {**message, "headers": [*message.get("headers", ()), named]}
        await self._send(message)


class Socket(Visit):
    """One websocket, from its opening to its close. Each of its messages is a trace of its own."""

    async def through(self, application: Callable[..., Any]) -> None:
        self._is_open = False
        self._code: int | str = 1006  # RFC 6455: ended without a word
        try:
            await application(self._scope, self._hearing, self._telling)
        finally:
            if self._is_open:
                metrics.SOCKETS.labels("websocket").dec()
                metrics.SOCKETS_CLOSED.labels("websocket", self._code).inc()

    async def _hearing(self) -> Any:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or self._code
            self._code = code if code in CODES else "other"
        return message

    async def _telling(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self._code = message.get("code", 1000)
        await self._send(message)
        if message["type"] == "websocket.accept":
            self._is_open = True
            metrics.SOCKETS.labels("websocket").inc()
            metrics.SOCKETS_OPENED.labels("websocket").inc()


def header(scope: Any, name: bytes, form: re.Pattern[bytes]) -> str:
    """A header that has this form; empty: there is none, or several, or another."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode() if len(found) == 1 and form.fullmatch(found[0]) else ""
