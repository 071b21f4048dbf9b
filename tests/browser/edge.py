"""A network's edge with a script: the real page and its files, and sockets that the test answers."""

import asyncio
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace
from uuid import UUID

from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.async_api import Page, expect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tests.browser.files import found
from tests.waiting import GENEROUS

CONVERSATION = UUID("01990000-0000-7000-8000-00000000000b")
COUNTING = """window.asked = 0;
const ask = window.fetch;
window.fetch = (...all) => { window.asked += 1; return ask(...all); };"""


class Line:
    """One socket as the server's side sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def frame(self, kind: str) -> dict:
        """The next frame, which must be of this type; where we were slow, the page asks if we live."""
        async with asyncio.timeout(GENEROUS):
            while (frame := json.loads(await self.socket.recv()))["type"] == "ping" != kind:
                await self.send({"type": "agentsite:pong"})
        assert frame["type"] == kind, frame
        return frame

    async def send(self, *frames: dict) -> None:
        for frame in frames:
            await self.socket.send(json.dumps(frame))

    async def snapshot(self, **more) -> None:
        """Answer a subscription with everything there is."""
        await self.frame("subscribe")
        known = {"replica": "replica-1", "version": 0, "items": [], "responses": [], "active": []}
        await self.send({"type": "agentsite:snapshot", **known, **more})

    async def accept(self, response: str, *, position: int = 0) -> dict:
        """Acknowledge the next message."""
        frame = await self.frame("response.create")
        named = {"response_id": response, "idempotency_key": frame["idempotency_key"]}
        await self.send({"type": "agentsite:accepted", "position": position, **named})
        return frame

    async def close(self, code: int | None, reason: str = "") -> None:
        """Close with a code and a reason; 1005 is a close without one, 1006 none at all."""
        if code == 1006:
            self.socket.transport.abort()
        elif code == 1005:
            await self.socket.close(code=1000)
        else:
            await self.socket.close(code, reason)


class Edge:
    """Sockets in the order in which the page opened them."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self.origin = ""

    @property
    def address(self) -> str:
        return f"{self.origin}/c/{CONVERSATION}/"

    async def answer(self, socket: ServerConnection) -> None:
        self.lines.put_nowait(Line(socket))
        await socket.wait_closed()

    async def line(self) -> Line:
        """The next socket that the page opens."""
        async with asyncio.timeout(GENEROUS):
            return await self.lines.get()

    async def open(self, page: Page, **more) -> Line:
        """The page that shows a snapshot, of an empty conversation without `more`; its socket."""
        await page.goto(self.address)
        line = await self.line()
        await line.snapshot(**more)
        await expect(page.locator("#whereabouts")).to_have_text("via replica-1")
        return line


def pages_of_one() -> dict[str, str]:
    """The page of one conversation, and the one that begins another."""
    current = SimpleNamespace(id=CONVERSATION, title="A talk", agent="demo", updated=None)
    return {f"/c/{CONVERSATION}/": rendered(current), "/": rendered(None)}


@asynccontextmanager
async def serving(pages: dict[str, str]):
    """An edge with these pages. A profile asks for each of their files once."""
    edge = Edge()

    def look(socket: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/ws/"):
            return None
        status, kind, body = found(request.path, pages)
        headers = Headers(
            {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
        )
        headers["Cache-Control"] = "no-store" if request.path in pages else "max-age=3600"
        return Response(status, "", headers, body)

    patient = {"open_timeout": GENEROUS, "ping_interval": None}
    async with serve(edge.answer, "127.0.0.1", 0, process_request=look, **patient) as server:
        edge.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield edge


def rendered(current: SimpleNamespace | None) -> str:
    """The page as its view renders it, without a database."""
    request = RequestFactory().get("/")
    request.user = SimpleNamespace(pk=7, is_staff=False, get_username=lambda: "ada")
    known = {"current": current, "conversations": [current] if current else [], "agents": ["demo"]}
    return render_to_string("conversations/chat.html", known, request)


async def say(page: Page, text: str) -> None:
    """Write it into the field, and send it."""
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def has_only(line: Line, page: Page, text: str) -> None:
    """Nothing was sent before this."""
    await say(page, text)
    assert (await line.frame("response.create"))["input"] == text


def ended(response: str, status: str, text: str) -> dict[str, list[dict]]:
    """What a snapshot has of a conversation of one turn without an answer."""
    said = {"response_id": response, "id": f"msg_{response}_in", "type": "message", "role": "user"}
    content = [{"type": "input_text", "text": text}]
    return {
        "items": [{**said, "content": content}],
        "responses": [{"response_id": response, "status": status, "worker": "w-1"}],
    }


def events(response: str, *bodies: tuple[str, dict]) -> list[dict]:
    """Events with their numbers from 0."""
    return [
        {"type": f"response.{kind}", "response_id": response, "sequence_number": number, **body}
        for number, (kind, body) in enumerate(bodies)
    ]


def streaming(response: str, *deltas: str) -> list[dict]:
    """A response that has begun to speak."""
    item = {"id": "msg_0", "type": "message", "role": "assistant", "status": "in_progress"}
    texts = [
        ("output_text.delta", {"output_index": 0, "delta": delta, "agentsite_offset": offset})
        for delta, offset in zip(deltas, offsets(deltas), strict=True)
    ]
    begun = [("created", {}), ("queued", {}), ("in_progress", {})]
    added = ("output_item.added", {"output_index": 0, "item": {**item, "content": []}})
    return events(response, *begun, added, *texts)


def offsets(deltas: tuple[str, ...]) -> list[int]:
    return [len("".join(deltas[:count])) for count in range(len(deltas))]
