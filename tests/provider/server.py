"""The provider itself: HTTP/1.1 by hand, because it must also break what it sends."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.provider import pairs, replies
from tests.provider.script import Script, answered, prompt, script
from tests.waiting import GENEROUS

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class Provider:
    """One server; `calls` counts what was asked of the model, and `log` keeps it on disk."""

    port: int = 0
    log: Path | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Condition = field(default_factory=asyncio.Condition)
    keys: set[str | None] = field(default_factory=set)  # that callers have shown
    refusals: list[int] = field(default_factory=list)  # Retry-After of the next calls' 429

    def refuse(self, count: int, *, retry_after: int) -> None:
        """Answer the next calls by 429, whatever they ask."""
        self.refusals += [retry_after] * count

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._connections: set[asyncio.Task] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def wait_for_calls(self, count: int, *, within: float = GENEROUS) -> None:
        """Until so many calls have come in."""
        async with asyncio.timeout(within), self.called:
            await self.called.wait_for(lambda: len(self.calls) >= count)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._serve_one(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the server stops
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split()
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if (method, path) == ("POST", "/v1/chat/completions"):
            self.keys.add(headers.get("authorization"))
            return await self._complete(json.loads(body), writer)
        status, answer = self._ask(method, path)
        return await send(writer, status, json.dumps(answer).encode())

    def _ask(self, method: str, path: str) -> tuple[int, Any]:
        """What a test in another process may ask."""
        if (method, path) == ("GET", "/calls"):
            return 200, self.calls
        if (method, path) == ("POST", "/release"):
            self.release()
            return 200, None
        return 404, None

    def release(self) -> None:
        """Let the held calls go on, and hold later ones anew."""
        self.released.set()
        self.released = asyncio.Event()

    async def _complete(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        plan = script(body)
        if self.refusals:
            words = {"code": "429", "retry_after": str(self.refusals.pop(0))}
            plan = Script("status", words)
        refused = pairs.refusal(body["messages"])
        await self._count(body, paid=plan.kind != "status" and refused is None)
        if refused:
            return await send(writer, 400, json.dumps(refused).encode())
        if plan.number("wait", 0) and not answered(body):
            await self.released.wait()
        if plan.kind == "status":
            return await send(writer, *replies.status(plan))
        if plan.kind == "html":
            return await send(writer, 200, b"<html>busy</html>", content_type="text/html")
        if not body.get("stream"):
            return await send(writer, 200, json.dumps(replies.whole(plan, body)).encode())
        return await replies.stream(plan, body, writer, self.released)

    async def _count(self, body: dict[str, Any], *, paid: bool) -> None:
        call = {
            "number": len(self.calls),
            "time": time.time(),
            "paid": paid,
            "model": body.get("model"),
            "messages": len(body["messages"]),
            "prompt": prompt(body),
        }
        if self.log:
            with self.log.open("a") as log:  # one write per call, in append mode: never torn
                log.write(json.dumps(call) + "\n")
        async with self.called:
            self.calls.append(call | {"body": body})
            self.called.notify_all()


async def send(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    content_type: str = "application/json",
) -> bool:
    """Answer whole; the connection stays."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}", f"content-type: {content_type}"]
    lines += [f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
    return True
