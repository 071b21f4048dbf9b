"""What goes over the wire for a script: chunks of a chat completion, and their faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.provider.script import Script, most, texts, tool_calls, whole_texts

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
ERRORS = {
    429: ("rate_limit_exceeded", "requests"),
    400: ("context_length_exceeded", "invalid_request_error"),
}
FAULTS = {"stall", "cut", "end", "garbage", "hold"}


def status(plan: Script) -> tuple[int, bytes, dict[str, str]]:
    """An error as OpenAI words it."""
    code = plan.number("code", 500)
    name, kind = ERRORS.get(code, ("server_error", "server_error"))
    error = {"message": f"scripted {code}", "type": plan.words.get("type", kind), "code": name}
    headers = {"retry-after": plan.words["retry_after"]} if "retry_after" in plan.words else {}
    return code, json.dumps({"error": error}).encode(), headers


def whole(plan: Script, body: dict[str, Any]) -> dict[str, Any]:
    """The reply in one piece."""
    calls = tool_calls(plan, body)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls else "".join(texts(plan, body)),
    }
    if calls:
        message["tool_calls"] = calls
    return {
        **envelope(body, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish(plan, body, calls)}],
        "usage": usage(),
    }


async def stream(
    plan: Script, body: dict[str, Any], writer: asyncio.StreamWriter, released: asyncio.Event
) -> bool:
    """The reply as events, with the fault that the script asks for; true if the connection stays."""
    writer.write(HEAD)
    calls = tool_calls(plan, body)
    if plan.kind in FAULTS:
        after = plan.number("after", 0 if plan.kind in {"stall", "garbage"} else 1)
        async for delta in deltas(plan, body, calls, stop=after):
            await event(writer, chunk(body, delta))
        return await fault(plan, body, writer, released, after)
    async for delta in deltas(plan, body, calls):
        await event(writer, chunk(body, delta))
    return await close(body, writer, finish(plan, body, calls))


async def deltas(
    plan: Script,
    body: dict[str, Any],
    calls: list[dict[str, Any]],
    *,
    start: int = 0,
    stop: int | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """The deltas of the reply at the script's rate."""
    if calls:
        if said := plan.words.get("saying"):
            yield {"content": said}
        for index, call in enumerate(calls):
            yield {"tool_calls": [{"index": index, **call}]}
        return
    rate = plan.number("rate", 0)
    for text in texts(plan, body)[start:stop]:
        yield {"content": text}
        await asyncio.sleep(1 / rate if rate else 0)


async def fault(
    plan: Script,
    body: dict[str, Any],
    writer: asyncio.StreamWriter,
    released: asyncio.Event,
    after: int,
) -> bool:
    """What goes wrong after so many deltas."""
    match plan.kind:
        case "stall":
            await asyncio.Event().wait()  # until the client goes away or the server stops
        case "garbage":
            await line(writer, b"data: {no json\n\n")
            return await close(body, writer, "stop")
        case "end":
            await line(writer, b"")
            return True
        case "hold":
            await released.wait()
            async for delta in deltas(plan, body, [], start=after):
                await event(writer, chunk(body, delta))
            return await close(body, writer, "stop")
    return False  # cut: the caller closes the socket


async def close(body: dict[str, Any], writer: asyncio.StreamWriter, reason: str) -> bool:
    """A proper end: the finish reason, the usage, DONE."""
    last = {**chunk(body, {}), "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    await event(writer, last)
    await event(
        writer, {**envelope(body, "chat.completion.chunk"), "choices": [], "usage": usage()}
    )
    await line(writer, b"data: [DONE]\n\n")
    await line(writer, b"")
    return True


def finish(plan: Script, body: dict[str, Any], calls: list[dict[str, Any]]) -> str:
    if "finish" in plan.words:
        return plan.words["finish"]
    if calls:
        return "tool_calls"
    limit = most(body)
    return "length" if limit and len(whole_texts(plan, body)) > limit else "stop"


def usage() -> dict[str, int]:
    return {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def envelope(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-test", "object": kind, "created": 1, "model": body.get("model", "test")}


def chunk(body: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
    return {**envelope(body, "chat.completion.chunk"), "choices": [choice]}


async def event(writer: asyncio.StreamWriter, data: dict[str, Any]) -> None:
    await line(writer, b"data: " + json.dumps(data).encode() + b"\n\n")


async def line(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One chunk of the transfer encoding; the empty one ends the body."""
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()
