"""A browser's tab on the real ASGI application."""

import asyncio
import json
from uuid import uuid4

from asgiref.testing import ApplicationCommunicator

from agentsite.asgi import application
from tests.waiting import GENEROUS

ORIGIN = "http://127.0.0.1:8000"


class Tab:
    """What one tab was told, frame by frame. `gate` closed: it does not read."""

    def __init__(self, conversation_id, *, session="", origins=(ORIGIN,), path=""):
        scope = {
            "type": "websocket",
            "path": path or f"/ws/conversations/{conversation_id}/",
            "query_string": b"",
            "headers": [
                (b"cookie", f"sessionid={session}".encode()),
                *((b"origin", origin.encode()) for origin in origins),
            ],
        }
        self.gate = asyncio.Event()
        self.gate.set()
        self.frames = []
        self.raw = []
        self._socket = ApplicationCommunicator(self._gated, scope)

    async def _gated(self, scope, receive, send):
        async def send_when_read(message):
            await self.gate.wait()
            await send(message)

        await application(scope, receive, send_when_read)

    async def connect(self):
        await self._socket.send_input({"type": "websocket.connect"})
        assert (await self._socket.receive_output(timeout=GENEROUS))["type"] == "websocket.accept"
        return self

    async def subscribe(self, cursor=None, **fields):
        """Returns the frame that ends the catching up."""
        await self.send(type="subscribe", cursor=cursor, **fields)
        return await self.until(lambda frame: frame["type"] in SUBSCRIBED)

    async def send(self, **frame):
        await self.send_text(json.dumps(frame))

    async def send_text(self, text):
        await self._socket.send_input({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data):
        await self._socket.send_input({"type": "websocket.receive", "bytes": data})

    async def create(self, text="hello", **fields):
        """Returns the acknowledgement, or the error."""
        key = fields.pop("idempotency_key", uuid4().hex)
        await self.send(type="response.create", idempotency_key=key, input=text, **fields)
        return await self.until(lambda frame: frame.get("idempotency_key") == key)

    async def next(self):
        message = await self._socket.receive_output(timeout=GENEROUS)
        assert message["type"] == "websocket.send", message
        return self._keep(message)

    def _keep(self, message):
        self.raw.append(message["text"])
        self.frames.append(json.loads(message["text"]))
        return self.frames[-1]

    async def until(self, wanted):
        """The first frame from here on that has this type, or of which this holds."""
        if isinstance(wanted, str):
            return await self.until(lambda frame: frame["type"] == wanted)
        while not wanted(frame := await self.next()):
            pass
        return frame

    async def until_text(self, text):
        """Wait until the deltas give this text, seen from the start."""
        while self.text != text:
            await self.next()

    async def pong(self):
        """Everything that was sent before this has arrived."""
        await self.send(type="ping")
        await self.until("agentsite:pong")

    async def closed(self):
        """The code that the server closes with; frames before it are read."""
        while (message := await self._socket.receive_output(timeout=GENEROUS))["type"] != CLOSE:
            self._keep(message)
        return message["code"]

    async def leave(self):
        self.gate.set()
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1005})
        await self._socket.wait(timeout=GENEROUS)

    async def wait_until_dropped(self):
        """The server gives the socket up without a word."""
        await self._socket.wait(timeout=GENEROUS)

    @property
    def events(self):
        return [frame for frame in self.frames if "sequence_number" in frame]

    @property
    def raw_events(self):
        """The events exactly as they were sent."""
        pairs = zip(self.raw, self.frames, strict=True)
        return [raw for raw, frame in pairs if "sequence_number" in frame]

    @property
    def text(self):
        deltas = [e for e in self.events if e["type"] == "response.output_text.delta"]
        for position, event in enumerate(deltas):
            before = sum(
                len(e["delta"]) for e in deltas[:position] if e["item_id"] == event["item_id"]
            )
            assert event["agentsite_offset"] == before
        return "".join(event["delta"] for event in deltas)

    @property
    def types(self):
        return [frame["type"] for frame in self.frames]


SUBSCRIBED = ("agentsite:snapshot", "agentsite:subscribed")
CLOSE = "websocket.close"
