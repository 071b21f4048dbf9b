"""What one socket has shown of a conversation, and what it has to show next.

The caller joins the conversation's group before `begin` and calls one method at a time. Group
messages are hints: whatever does not follow on from the last event sends us to the rows and logs.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from conversations import protocol, streams
from conversations.errors import NotFound
from conversations.facts import TurnFacts
from conversations.models import Conversation, Turn
from conversations.showing import snapshots
from conversations.showing.entries import has_gap, shown
from conversations.showing.pending import NOTHING, Pending
from conversations.showing.snapshots import Picture, TurnView
from conversations.sockets.frames import Cursor, Shown
from conversations.threads import in_thread
from conversations.traces import Entry, Kind, opening, unpack
from workers.observing import metrics

REMEMBERED = 32  # turns that are over, whose late messages ask for nothing

Frame = Mapping[str, Any]


@dataclass(slots=True)
class Followed:
    """An open turn: the number of its next event, and whose events they are."""

    facts: TurnFacts
    next: int = 0
    token: UUID | None = None
    asked: Pending | None = None  # as it was told last


class Following:
    """One socket's place in a conversation."""

    def __init__(
        self, conversation: Conversation, send: Callable[[Frame], Awaitable[None]]
    ) -> None:
        self._conversation = conversation
        self._send = send
        self._open: dict[UUID, Followed] = {}
        self._over: deque[UUID] = deque(maxlen=REMEMBERED)
        self._last = -1  # the highest turn number that is known
        self._moved = False  # since the last poll

    @property
    def is_waiting(self) -> bool:
        """Whether a turn is open."""
        return bool(self._open)

    async def begin(self, cursor: Cursor | None, seen: Shown | None = None) -> bool:
        """Show what came after the cursor; False, and nothing, where it cannot be served.

        `seen`: what the client shows, of which nothing may have been deleted meanwhile.
        """
        turn = _turn(cursor.response_id) if cursor else None
        if cursor is None or turn is None or (seen and not await self._are_there(seen)):
            return False
        views = await in_thread(snapshots.since, self._conversation, turn)
        if not views or cursor.sequence_number >= (await shown(views[0]))[-1].following:
            return False
        first = views[0].facts
        self._open[first.id] = Followed(first, next=cursor.sequence_number + 1)
        for view in views:
            await self._show(view)
        return True

    async def adopt(self, picture: Picture) -> dict[UUID, tuple[Entry, ...]]:
        """Follow on from a snapshot; returns the entries so far of the turns that are open."""
        so_far: dict[UUID, tuple[Entry, ...]] = {}
        for view in picture.turns:
            self._last = max(self._last, view.number)
            if not view.has_ended:
                entries = await shown(view)
                so_far[view.facts.id] = entries
                self._open[view.facts.id] = Followed(
                    view.facts, entries[-1].following, view.token, view.asked
                )
                self._note_end(view.facts.id, entries[-1])
        return so_far

    async def hear(self, message: Mapping[str, Any]) -> None:
        """A frame of entries was logged and published."""
        turn, token = UUID(message["turn"]), UUID(message["token"])
        if turn in self._over:
            return
        followed, entries = self._open.get(turn), unpack(message["entries"])
        if followed is None or followed.token != token or has_gap(followed.next, entries):
            if followed is not None:
                metrics.SOCKET_GAPS.inc()
            await self.look()
            if turn not in self._open:
                self._over.append(turn)
            return
        self._moved = True
        for entry in entries:
            await self._show_entry(followed, entry)

    async def welcome(self, message: Mapping[str, Any]) -> None:
        """A turn was accepted."""
        if message["number"] <= self._last:
            return
        if message["number"] > self._last + 1:
            await self.look()
            return
        self._last = message["number"]
        facts = TurnFacts.unpacked(message["facts"])
        followed = self._open[facts.id] = Followed(facts)
        await self._show_start(followed, message["input"])

    async def recall(self, turn: Turn) -> None:
        """A turn was accepted before, and whoever sent it again may not know what became of it."""
        if turn.number > self._last:
            await self.look()
        elif turn.pk not in self._open:
            await self._show(await in_thread(snapshots.one, turn))

    async def remark(self, message: Mapping[str, Any]) -> None:
        """What an open turn is at was noted beside its log."""
        if UUID(message["turn"]) in self._open:
            await self._send(message["frame"])

    async def drop(self, message: Mapping[str, Any]) -> None:
        """A turn was deleted, which had ended."""
        response_id = protocol.response_id(UUID(message["turn"]))
        await self._send({"type": "agentsite:deleted", "response_id": response_id})

    async def remind(self) -> None:
        """Say it to whoever came later. Raises redis.RedisError, OSError."""
        at_work = [
            turn for turn, followed in self._open.items() if followed.token and not followed.asked
        ]
        for turn in at_work:
            for frame in await streams.notes(self._conversation.pk, turn):
                await self._send(frame)

    async def poll(self) -> None:
        """Look, unless events came by themselves."""
        if not self._moved:
            await self.look()
        self._moved = False

    async def look(self) -> None:
        """Show what rows and logs have and the socket has not, in the order of turns."""
        for view in await self._views():
            await self._show(view)

    async def _views(self) -> Sequence[TurnView]:
        return await in_thread(
            snapshots.latest, self._conversation, after=self._last, also=list(self._open)
        )

    async def _show(self, view: TurnView) -> None:
        turn = view.facts.id
        self._last = max(self._last, view.number)
        followed = self._open.setdefault(turn, Followed(view.facts))
        await self._show_start(followed, view.input)
        entries = await shown(view, after=followed.next - 1)
        if followed.token != view.token:
            followed.token = view.token
            await self._show_worker(view)
        if view.has_ended:  # before its end, because after it a turn may be gone
            await self._show_notices(view)
        for entry in entries:
            await self._show_entry(followed, entry)
        if not view.has_ended:
            await self._show_asked(followed, view)
        elif turn in self._open:  # by a cursor at its end
            self._close(turn)

    async def _show_notices(self, view: TurnView) -> None:
        if told := snapshots.notices(view):
            await self._send(_about(view.facts, "notice", notices=told))

    async def _show_asked(self, followed: Followed, view: TurnView) -> None:
        """What a turn waits for, and once more when it goes on; its end says so by itself."""
        if view.asked != followed.asked:
            followed.asked = view.asked
            await self._show_notices(view)
            await self._send(_about(followed.facts, "asked", **(view.asked or NOTHING)))

    async def _show_start(self, followed: Followed, items: Sequence[dict[str, Any]]) -> None:
        """The input is no part of a response, so no event tells it to the other tabs."""
        if followed.next == 0:
            asked = protocol.input_items(followed.facts.id, items)
            await self._send(_about(followed.facts, "input", items=asked))
        await self._show_entry(followed, opening(followed.facts)[0])

    async def _show_worker(self, view: TurnView) -> None:
        if view.attempt > 1:
            await self._send(_about(view.facts, "attempt", attempt=view.attempt))
        await self._send(_about(view.facts, "worker", worker=view.worker, attempt=view.attempt))

    async def _show_entry(self, followed: Followed, entry: Entry) -> None:
        if entry.following <= followed.next:
            return
        for event in protocol.events(followed.facts, entry):
            if event["sequence_number"] >= followed.next:
                await self._send(event)
        followed.next = entry.following
        if self._note_end(followed.facts.id, entry):
            await self._show_rollback(followed.facts, entry)

    async def _show_rollback(self, facts: TurnFacts, end: Entry) -> None:
        if end.data["status"] == Turn.State.ROLLED_BACK:
            await self._send(_about(facts, "rolled_back"))

    def _note_end(self, turn: UUID, entry: Entry) -> bool:
        if entry.kind is Kind.END:
            self._close(turn)
        return entry.kind is Kind.END

    def _close(self, turn: UUID) -> None:
        del self._open[turn]
        self._over.append(turn)

    async def _are_there(self, seen: Shown) -> bool:
        first, last = _turn(seen.first), _turn(seen.last)
        if first is None or last is None:
            return False
        return seen.count == await in_thread(snapshots.count, self._conversation, first, last)


def _turn(response_id: str) -> UUID | None:
    """The turn that a client names, if it can be one at all."""
    try:
        return protocol.turn_id(response_id)
    except NotFound:
        return None


def _about(facts: TurnFacts, name: str, **fields: Any) -> Frame:
    return {
        "type": f"agentsite:{name}",
        "response_id": protocol.response_id(facts.id),
        **fields,
    }
