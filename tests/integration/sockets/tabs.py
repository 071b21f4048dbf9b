"""A browser's tab on the real ASGI application, and a worker that is driven step by step."""

import asyncio
import json
from contextlib import asynccontextmanager
from uuid import uuid4

from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.conf import settings

from agentsite.asgi import application
from conversations import protocol, turns
from conversations.emitter import Emitter
from conversations.facts import TurnFacts
from conversations.models import Message, Turn
from conversations.stores import store_for
from conversations.stores.base import Fence, Key, NewMessage, Snapshot
from conversations.streams import Writer, announce
from conversations.threads import in_thread
from conversations.traces import Entry, Kind, pack

LIMIT = 15  # seconds that anything may take
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
        assert (await self._socket.receive_output(timeout=LIMIT))["type"] == "websocket.accept"
        return self

    async def subscribe(self, cursor=None):
        """Returns the frame that ends the catching up."""
        await self.send(type="subscribe", cursor=cursor)
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
        message = await self._socket.receive_output(timeout=LIMIT)
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
        while (message := await self._socket.receive_output(timeout=LIMIT))["type"] != CLOSE:
            self._keep(message)
        return message["code"]

    async def leave(self):
        self.gate.set()
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1005})
        await self._socket.wait(timeout=LIMIT)

    async def wait_until_dropped(self):
        """The server gives the socket up without a word."""
        await self._socket.wait(timeout=LIMIT)

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


class Run:
    """One claim of a turn, answered as the runner does, one step at a time."""

    def __init__(self, claim):
        self.claim = claim
        self.response_id = protocol.response_id(claim.turn_id)
        self.facts = TurnFacts(
            claim.turn_id, claim.conversation_id, claim.agent, int(claim.created.timestamp())
        )
        self.emitter = Emitter(Writer(self.facts, claim.token, claim.attempt))
        self.item = None
        self.messages = []

    async def say(self, *deltas):
        """Each delta is logged and published on its own."""
        if self.item is None:
            for left in self.emitter.unfinished:  # by a dead attempt
                self.messages.append(self._message(left, "incomplete"))
            self.item = self.emitter.open_message()
        for delta in deltas:
            self.emitter.text(self.item, delta)
            await self.emitter.flush()

    async def checkpoint(self):
        """What was said so far is in PostgreSQL; the turn goes on with another item."""
        snapshot = Snapshot(self.claim.conversation_id, self.claim.version)
        self.messages.append(self._message(self.item, "completed"))
        fence = Fence(self.claim.turn_id, self.claim.token)
        store = store_for(self.claim.agent)
        await in_thread(turns.checkpoint, store, snapshot, self.messages, fence=fence)
        self.emitter.release()
        await self.emitter.flush()
        self.item = None

    async def commit(self, state=Turn.State.COMPLETED, *, status="completed", error=None):
        """The outcome is in PostgreSQL; nobody was told."""
        if self.item is not None:
            self.messages.append(self._message(self.item, status))
        outcome = turns.Outcome(
            state=state, messages=self.messages, error=error, last_event=self.emitter.next
        )
        self.ended = await in_thread(turns.end, self.claim.turn_id, outcome, token=self.claim.token)

    async def hand_back(self):
        """The turn goes back into the queue, as after a crash."""
        await in_thread(turns.hand_back, self.claim.turn_id, self.claim.token)

    async def tell(self):
        """The final events are logged and published."""
        self.emitter.release()
        self.emitter.end(protocol.ending(self.facts, self.emitter.entries, self.ended))
        await self.emitter.flush()

    async def finish(self, *deltas, **how):
        await self.say(*deltas)
        await self.commit(**how)
        await self.tell()

    def _message(self, item, status):
        text = self.emitter.held(item)[0]
        self.emitter.close(item, status=status)
        step = self.claim.next_step + len(self.messages)
        payload = {"kind": "response", "parts": [{"part_kind": "text", "content": text}]}
        return NewMessage(
            key=Key(self.claim.turn_id, self.claim.attempt, step),
            kind=Message.Kind.RESPONSE,
            payload=json.dumps(payload),
            text=text,
            trace=self.emitter.trace(item),
            retracted=status != "completed",
        )


@asynccontextmanager
async def claimed(conversation, worker):
    """The oldest queued turn, claimed by this worker."""
    serves = settings.QUEUES
    claim = await in_thread(turns.claim, conversation.pk, worker.pk, pool="default", serves=serves)
    run = Run(claim)
    async with run.emitter:
        yield run


async def deafen():
    """Take every socket out of its groups: a half-open connection to Redis is as silent."""
    layer = get_channel_layer()
    for group, channels in list(layer.groups.items()):
        for channel in list(channels):
            await layer.group_discard(group.removeprefix(f"{layer.prefix}__group__"), channel)


async def publish_again(run, text):
    """What a worker does that does not know that its turn is another's now."""
    entry = Entry(run.emitter.next, Kind.TEXT, run.item, text, len(run.emitter.held(run.item)[0]))
    message = {
        "type": "turn.entries",
        "turn": run.claim.turn_id.hex,
        "token": run.claim.token.hex,
        "attempt": run.claim.attempt,
        "entries": pack([entry]),
    }
    await announce(run.claim.conversation_id, message)
