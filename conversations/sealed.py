"""The sealed door: message and state in, reply and new state out. No row, and no lasting key.

The replica checks the state, gives it to a worker in a job, and shows the turn's log as it grows.
Whatever fails, the client still has the state that it sent, and sends it again.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from conversations import protocol, streams
from conversations.emitter import UNAVAILABLE
from conversations.errands import TASK, Errand, lives, over
from conversations.errors import InvalidValue, NoWorker, TurnFailed
from conversations.ids import new_id
from conversations.showing.ear import Ear
from conversations.sockets.standing import Guard
from conversations.stores import is_carried
from conversations.stores.register import take
from conversations.stores.sealed import SealedStore, opened
from conversations.threads import in_thread
from conversations.traces import Entry, Kind, unpack
from workers import queues

POLL = 1  # seconds between looks at the log while nothing is heard
LOST = "The worker was lost; send the same again."

Event = dict[str, Any]


def errand(owner_id: int, text: str, *, agent: str | None, state: str | None) -> Errand:
    """What is to be done; without a state, the first message of a conversation.

    Raises `InvalidState`, `StateExpired`, `TooLarge`, `InvalidValue`; with the register also
    `VersionConflict` and `ResponseInProgress`.
    """
    known = opened(state, owner_id) if state is not None else None
    name = agent or (known.agent if known else first_carried())
    if not is_carried(name) or (known and known.agent != name):
        raise InvalidValue("There is no such agent here, or the state is another's.", param="agent")
    conversation = known.conversation if known else uuid4()
    store = SealedStore({conversation: state} if state else {}, owner_id=owner_id, agent=name)
    if known is None:
        store.create(conversation)
    assert store.jar is not None
    now = time.time()
    made = Errand(
        turn=new_id().hex,
        conversation=conversation.hex,
        owner_id=owner_id,
        agent=name,
        text=text,
        state=store.jar[conversation],
        version=known.version if known else 0,
        created=int(now),
        deadline=now + settings.SEALED_PATIENCE,
    )
    if settings.SEALED_REGISTER:
        take(conversation, made.version, made.digest, seconds=settings.SEALED_PATIENCE)
    return made


def first_carried() -> str:
    """The agent of who names none."""
    agents = [settings.AGENT_DEFAULT, *sorted(settings.AGENTS)]
    found = next(filter(is_carried, agents), None)
    if found is None:
        raise InvalidValue("No agent's conversations are with their clients.", param="agent")
    return found


async def send(errand: Errand) -> None:
    """Give it to a worker. Raises redis.RedisError."""
    seconds = settings.SEALED_PATIENCE
    await in_thread(queues.enqueue, errand.queue, TASK, errand.packed(), seconds=seconds)


async def events(errand: Errand, guard: Guard | None = None) -> AsyncGenerator[list[Event]]:
    """What happens, until the end; none at all every second while it is silent.

    The new state comes just before the last event, as `agentsite:state`; a turn that failed has
    none. Raises `NoWorker`, and as the guard does.
    """
    tail = Tail(errand)
    async with Ear(UUID(errand.conversation), guard) as ear:
        while not tail.is_over:
            yield await tail.after(await ear.hear(POLL))
    with suppress(*UNAVAILABLE):
        await streams.expire(errand.facts, seconds=0)


async def finished(errand: Errand, guard: Guard | None = None) -> dict[str, Any]:
    """The answer as one object. Raises `NoWorker`, `TurnFailed`, and as the guard does."""
    told: list[Event] = []
    async for some in events(errand, guard):
        told = [*told, *some][-2:]
    response = told[-1]["response"]
    if response["status"] == "failed":
        error = response["error"]
        raise TurnFailed(error["message"], code=error["code"])
    state = {key: value for key, value in told[0].items() if key != "type"}
    return {**response, "object": "agentsite.chat", **state}


class Tail:
    """The log of an errand, read as it grows."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._facts = errand.facts
        self._seen: list[Entry] = []
        self._next = 0
        self.is_over = False

    async def after(self, message: Mapping[str, Any] | None) -> list[Event]:
        """The events since the last call. Raises `NoWorker`."""
        try:
            entries = self._heard(message) or await self._read()
        except UNAVAILABLE:
            return []
        return [event for entry in entries for event in self._shown(entry)]

    def _heard(self, message: Mapping[str, Any] | None) -> Sequence[Entry]:
        """The entries of a message, if they are ours and follow on."""
        if not message or message.get("turn") != self._errand.turn:
            return ()
        entries = unpack(message.get("entries", ()))
        return entries if entries and entries[0].number == self._next else ()

    async def _read(self) -> Sequence[Entry]:
        found = await streams.read(self._facts, self._next - 1)
        if found is None:
            if self._errand.is_late and not self._next:
                raise NoWorker
        elif found.entries:
            return found.entries
        return () if await lives(self._facts) or not self._next else [self._lost()]

    def _shown(self, entry: Entry) -> list[Event]:
        if entry.number < self._next:
            return []
        self._seen.append(entry)
        self._next = entry.following
        events = protocol.events(self._facts, entry)
        if entry.kind is not Kind.END:
            return events
        self.is_over = True
        state = entry.data.get("state")
        return [{"type": "agentsite:state", **state}, *events] if state else events

    def _lost(self) -> Entry:
        error = {"code": "worker_lost", "message": LOST}
        ended = over("failed", last_event=self._next, error=error)
        return protocol.ending(self._facts, self._seen, ended)
