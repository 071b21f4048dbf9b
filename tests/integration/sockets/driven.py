"""A worker that is driven step by step, and what it may lose on the way."""

import json
from contextlib import asynccontextmanager

from channels.layers import get_channel_layer
from django.conf import settings

from conversations import protocol, turns
from conversations.emitter import Emitter
from conversations.facts import TurnFacts
from conversations.models import Message, Turn
from conversations.stores import store_for
from conversations.stores.base import Fence, Key, NewMessage, Snapshot
from conversations.streams import Writer, announce
from conversations.threads import in_thread
from conversations.traces import Entry, Kind, pack


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


async def publish_again(run, text, *, ahead=0):
    """What a worker does that does not know that its turn is another's now.

    `ahead`: how many messages before this one were lost.
    """
    number = run.emitter.next + ahead
    entry = Entry(number, Kind.TEXT, run.item, text, len(run.emitter.held(run.item)[0]))
    message = {
        "type": "turn.entries",
        "turn": run.claim.turn_id.hex,
        "token": run.claim.token.hex,
        "attempt": run.claim.attempt,
        "entries": pack([entry]),
    }
    await announce(run.claim.conversation_id, message)
