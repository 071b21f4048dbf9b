"""A browser tab as a program: one account, one conversation, text assembled from events alone."""

import asyncio
import json
import uuid
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.waiting import GENEROUS

AGAIN = {1011, 1012}  # close codes after which the page reconnects
FINAL = {"response.completed", "response.failed", "response.incomplete"}


@dataclass
class Response:
    """What this tab was shown of one response."""

    numbers: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    done: set[str] = field(default_factory=set)  # items that are whole, or for ever incomplete
    final: str | None = None
    told: bool = False  # by a snapshot, not by its events

    def take(self, event: dict[str, Any]) -> None:
        """Add an event, unless its number was seen before."""
        number = event["sequence_number"]
        if self.numbers and number <= self.numbers[-1]:
            return
        if self.numbers and number > self.numbers[-1] + 1:
            self.forget_unfinished()
        self.numbers.append(number)
        self.events.append(event)
        if event["type"] == "response.output_text.delta":
            text = self.texts[event["item_id"]]
            assert event["agentsite_offset"] == len(text), "a delta is missing or doubled"
            self.texts[event["item_id"]] = text + event["delta"]
        if event["type"] == "response.output_item.done":
            self.done.add(event["item"]["id"])
        if event["type"] in FINAL:
            self.final = event["type"]

    def forget_unfinished(self) -> None:
        """A log was lost together with its worker, the one gap that is allowed."""
        texts = {item: text for item, text in self.texts.items() if item in self.done}
        self.texts = defaultdict(str, texts)

    @property
    def text(self) -> str:
        """The reply as far as it was streamed."""
        return "".join(self.texts.values())


class Tab:
    """Connects to one replica; `move` reconnects to another with the cursor of what was seen."""

    def __init__(self, conversation: str, cookie: str, port: int) -> None:
        self.conversation, self.cookie, self.port = conversation, cookie, port
        self.responses: dict[str, Response] = defaultdict(Response)
        self.accepted: dict[str, str] = {}  # idempotency key -> response id
        self.errors: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.closed_with: int | None = None
        self.snapshot: dict[str, Any] | None = None
        self.changed = asyncio.Condition()

    async def __aenter__(self) -> "Tab":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self, *, cursor: dict[str, Any] | None = None) -> None:
        """Connect and subscribe; as the page does, try again where the server had trouble."""
        async with asyncio.timeout(GENEROUS):
            while True:
                with suppress(ConnectionClosed):
                    await self.connect(cursor)
                    break
                if self.socket.close_code not in AGAIN:
                    raise ConnectionRefusedError(self.socket.close_code)
        self.reader = asyncio.create_task(self.read())

    async def connect(self, cursor: dict[str, Any] | None) -> None:
        """One try, which ends with the server's answer to the cursor."""
        self.socket: ClientConnection = await connect(
            f"ws://127.0.0.1:{self.port}/ws/conversations/{self.conversation}/",
            origin=f"http://127.0.0.1:{self.port}",
            additional_headers={"Cookie": self.cookie},
            open_timeout=GENEROUS,
        )
        await self.send({"type": "subscribe", "cursor": cursor})
        await self.take(json.loads(await self.socket.recv()))

    async def close(self) -> None:
        """Leave."""
        self.reader.cancel()
        with suppress(asyncio.CancelledError):
            await self.reader
        await self.socket.close()

    async def move(self, port: int) -> None:
        """Go on at another replica."""
        await self.close()
        self.port = port
        await self.open(cursor=self.cursor())

    def cursor(self) -> dict[str, Any] | None:
        """The oldest unfinished response, else the last one."""
        unfinished = [one for one, seen in self.responses.items() if not seen.final]
        known = unfinished[:1] or list(self.responses)[-1:]
        if not known or not self.responses[known[0]].numbers:
            return None
        return {"response_id": known[0], "sequence_number": self.responses[known[0]].numbers[-1]}

    async def send(self, frame: dict[str, Any]) -> None:
        """Send one client frame."""
        await self.socket.send(json.dumps(frame))

    async def ask(self, text: str, *, key: str | None = None, **more: Any) -> str:
        """Send a message and return its response's id, once it is accepted."""
        key = key or str(uuid.uuid4())
        await self.send({"type": "response.create", "idempotency_key": key, "input": text, **more})
        await self.until(lambda: key in self.accepted)
        return self.accepted[key]

    async def answer(self, text: str) -> str:
        """Send a message and wait for the whole reply's text."""
        response = await self.ask(text)
        await self.ended(response)
        return self.responses[response].text

    async def ended(self, response: str) -> Response:
        """Wait for a response's final event."""
        await self.until(lambda: self.responses[response].final)
        return self.responses[response]

    async def until(self, condition: Any) -> None:
        """Wait until the condition holds, with a generous limit."""
        async with self.changed, asyncio.timeout(GENEROUS):
            await self.changed.wait_for(condition)

    async def read(self) -> None:
        """Take in every frame; reconnect where the server had trouble."""
        while True:
            try:
                async for raw in self.socket:
                    await self.take(json.loads(raw))
            except ConnectionClosed:
                pass
            if self.socket.close_code not in AGAIN:
                break
            with suppress(ConnectionClosed):
                await self.connect(self.cursor())
        async with self.changed:
            self.closed_with = self.socket.close_code
            self.changed.notify_all()

    async def take(self, frame: dict[str, Any]) -> None:
        """Sort one server frame."""
        async with self.changed:
            self.frames.append(frame)
            if frame["type"] == "agentsite:accepted":
                self.accepted[frame["idempotency_key"]] = frame["response_id"]
            elif frame["type"] == "agentsite:snapshot":
                self.snapshot = frame
            elif frame["type"] == "error":
                self.errors.append(frame)
            elif "sequence_number" in frame:
                self.responses[frame["response_id"]].take(frame)
            self.changed.notify_all()
