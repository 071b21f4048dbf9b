"""One response by itself, from any of its events to its end, for whoever has no socket.

The same turns, logs and groups as a tab's; `following` knows how they fit together.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from django.db.models import Exists

from conversations import catalog, protocol
from conversations.errors import InvalidValue, NotFound, TranscriptGone
from conversations.facts import TurnFacts
from conversations.models import Turn
from conversations.showing import snapshots
from conversations.showing.ear import Ear
from conversations.showing.entries import reached, shown
from conversations.showing.following import Followed, Following, Frame
from conversations.showing.snapshots import TurnView
from conversations.sockets.base import patience
from conversations.sockets.standing import Guard
from conversations.threads import in_thread
from conversations.traces import Kind

POLL = 2  # seconds between looks at the rows while nothing is heard
ALL = 2**53 - 1  # every number of a turn is known: nobody asks for a later one

Event = dict[str, Any]


class Paused(Exception):
    """The turn waits for a person, for as long as an agent leaves one to answer."""


class Listening(Following):
    """Follows one turn alone."""

    def __init__(self, turn: Turn, facts: TurnFacts, *, after: int = -1) -> None:
        super().__init__(turn.conversation, self._keep)
        self._last = ALL
        self._open[facts.id] = Followed(facts, next=after + 1)
        self._told: list[Event] = []

    @property
    def is_paused(self) -> bool:
        """Whether the turn waits for a person."""
        return any(followed.asked for followed in self._open.values())

    def taken(self) -> list[Event]:
        """The events since the last call."""
        told, self._told = self._told, []
        return told

    async def take(self, message: Mapping[str, Any] | None) -> None:
        """Go on by what was heard, or by a look where nothing was. Raises `NotFound`."""
        match message:
            case None:
                await self.poll()
            case {"type": "turn.entries"}:
                await self.hear(message)
            case {"type": "turn.changed"}:
                await self.look()
            case {"type": "conversation.deleted"}:
                raise NotFound

    async def _keep(self, frame: Frame) -> None:
        """Only events have numbers; the other frames are for people who look on."""
        if "sequence_number" in frame:
            self._told.append(dict(frame))

    async def _views(self) -> Sequence[TurnView]:
        views = await super()._views()
        if self._open and not views:
            raise NotFound
        return [view for view in views if self._has_more(view)]

    def _has_more(self, view: TurnView) -> bool:
        """False, and it is over, where the last event was known from the beginning."""
        followed = self._open.get(view.facts.id)
        if followed and view.has_ended and view.entries[-1].following <= followed.next:
            del self._open[view.facts.id]
            return False
        return True


async def events(
    turn: Turn, *, after: int = -1, pauses: bool = False, guard: Guard | None = None
) -> AsyncGenerator[list[Event]]:
    """The events of a turn, read with its conversation, after a number and until its end.

    As many at a time as there are; none at all every few seconds while it is silent. Nothing is
    kept for whoever does not fetch them: the log has it. What is not to be stored is deleted once
    the end of its last turn was fetched. Raises `NotFound` when it is deleted, and with `pauses`
    `Paused` after what there is while it waits for a person; and as the guard does.
    """
    listening = Listening(turn, snapshots.facts_of(turn, turn.conversation.agent), after=after)
    async with Ear(turn.conversation_id, guard) as ear:
        with patience():
            await listening.look()
        while listening.is_waiting:
            yield listening.taken()
            if pauses and listening.is_paused:
                raise Paused
            message = await ear.hear(POLL)
            with patience():
                await listening.take(message)
        yield listening.taken()
    if not turn.conversation.stored:
        with patience():  # else the sweep does it
            await in_thread(catalog.delete_unstored, turn)


async def check_cursor(turn: Turn, after: int) -> None:
    """Raises `InvalidValue` where no event has this number yet, and `TranscriptGone`."""
    following = await reached(await _view(turn))
    if following is not None and after >= following:
        raise InvalidValue("No event has this number yet.", param="starting_after")


async def current(turn: Turn) -> dict[str, Any]:
    """The response of a turn, read with its conversation, as it is now. Raises `TranscriptGone`."""
    view = await _view(turn)
    entries = await shown(view)
    facts, last = view.facts, entries[-1]
    if last.kind is Kind.END:
        response: dict[str, Any] = protocol.events(facts, last)[0]["response"]
        return response
    status = protocol.STATUS[view.state]
    output = protocol.output(facts, entries)
    so_far = protocol.response(facts, status, output=output, notices=view.notices)
    return {**so_far, "agentsite_pending": view.asked} if view.state == "waiting" else so_far


async def _view(turn: Turn) -> TurnView:
    view = await in_thread(snapshots.one, turn)
    if view.gone:
        raise TranscriptGone
    return view


async def finished(turn: Turn, guard: Guard | None = None) -> dict[str, Any]:
    """Its response, once it has an outcome or waits for a person, who has to know what it asks.

    Raises `NotFound` when it is deleted meanwhile, and as the guard does.
    """
    last: Event = {}
    try:
        async for told in events(turn, pauses=True, guard=guard):
            last = told[-1] if told else last
    except Paused:
        return await current(await again(turn))
    response: dict[str, Any] = last["response"]
    return response


async def again(turn: Turn) -> Turn:
    """It and its conversation as their rows are now. Raises `NotFound`."""
    rows = Turn.objects.select_related("conversation").filter(pk=turn.pk)
    found = await in_thread(rows.first)
    if found is None:
        raise NotFound
    return found


async def is_held_up(turn: Turn) -> bool:
    """Whether it cannot go on before a person has answered what it, or one before it, asks.

    Yes while PostgreSQL is away: whoever waits looks again.
    """
    held = Turn.objects.filter(pk=turn.pk, state__in=Turn.OPEN)
    before = Turn.objects.filter(
        conversation=turn.conversation_id, number__lte=turn.number, state=Turn.State.WAITING
    )
    with patience():
        return await in_thread(held.filter(Exists(before)).exists)
    return True


async def resumed(turn: Turn) -> bool:
    """Once nobody's answer holds it up any more: whether it goes on, and has not ended."""
    going = Turn.objects.filter(pk=turn.pk, state__in=Turn.OPEN)
    async with Ear(turn.conversation_id) as ear:
        while await is_held_up(turn):
            await ear.hear(POLL)
    with patience():
        return await in_thread(going.exists)
    return True
