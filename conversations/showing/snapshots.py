"""What PostgreSQL says about a conversation's turns, as a socket needs it. Synchronous reads."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from conversations import protocol
from conversations.errors import NotFound
from conversations.facts import TurnFacts
from conversations.models import Conversation, Turn
from conversations.showing.pending import Pending, pending
from conversations.showing.replays import replay
from conversations.stores import store_for
from conversations.stores.base import Told
from conversations.traces import Entry, Kind, merge, opening

SHOWN_TURNS = 30  # at once: about a screen, and what a person scrolls to next
CAUGHT_UP = 200  # turns that one look may find; the next look finds more
GONE = "What was answered here is not kept any more."
REPLAYED_TURNS = 50  # that a cursor may lie behind; a snapshot is cheaper then


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn as its row was at one moment."""

    facts: TurnFacts
    number: int
    state: str
    token: UUID | None
    attempt: int
    worker: str
    input: Sequence[dict[str, Any]]
    error: dict[str, Any] | None
    entries: tuple[Entry, ...]  # all that it showed, if it has ended
    notices: Sequence[str] = ()
    asked: Pending | None = None  # of a turn that waits
    gone: bool = False  # what it said is not kept any more: its entries are only its frame

    @property
    def has_ended(self) -> bool:
        return self.state in Turn.ENDED


@dataclass(frozen=True, slots=True)
class Picture:
    """A conversation and its newest turns, oldest first."""

    conversation: Conversation
    turns: Sequence[TurnView]
    has_more: bool


def picture(conversation_id: UUID) -> Picture:
    """The newest turns, all that are open among them.

    Turns are read before their messages, so one that has ended is complete. Raises `NotFound`.
    """
    conversation = Conversation.objects.filter(pk=conversation_id).first()
    if conversation is None:
        raise NotFound
    turns = Turn.objects.filter(conversation=conversation).order_by("number")
    first = _first(turns) if conversation.next_turn > SHOWN_TURNS else 0
    views = _views(conversation, turns.filter(number__gte=first))
    more = first > 0 and _visible(turns.filter(number__lt=first)).exists()
    return Picture(conversation, views, has_more=more)


def _first(turns: QuerySet[Turn]) -> int:
    """The number that a picture begins with; numbers are left out where turns were deleted."""
    newest = _visible(turns).order_by("-number").values_list("number", flat=True)
    opened = turns.filter(state__in=Turn.OPEN).values_list("number", flat=True)
    return min([*newest[SHOWN_TURNS - 1 : SHOWN_TURNS], *opened[:1]], default=0)


def _visible(turns: QuerySet[Turn]) -> QuerySet[Turn]:
    return turns.exclude(state=Turn.State.ROLLED_BACK)


def earlier(conversation: Conversation, before: int) -> Picture:
    """The turns before this number, all of which have ended where a picture begins with it."""
    turns = Turn.objects.filter(conversation=conversation, number__lt=before)
    older = _visible(turns.filter(state__in=Turn.ENDED)).order_by("-number")
    newest = list(older[: SHOWN_TURNS + 1])
    views = _views(conversation, reversed(newest[:SHOWN_TURNS]))
    return Picture(conversation, views, has_more=len(newest) > SHOWN_TURNS)


def since(conversation: Conversation, turn_id: UUID) -> Sequence[TurnView] | None:
    """This turn and those after it; None if it is not of the conversation, or too long ago."""
    first = Turn.objects.filter(pk=turn_id, conversation=conversation)
    later = Turn.objects.filter(
        conversation=conversation, number__gte=first.values("number")
    ).order_by("number")
    turns = list(later[: REPLAYED_TURNS + 1])
    return _views(conversation, turns) if 0 < len(turns) <= REPLAYED_TURNS else None


def count(conversation: Conversation, first: UUID, last: UUID) -> int:
    """How many turns a client shows from the one to the other; 0 if one of these is gone."""
    turns = _visible(Turn.objects.filter(conversation=conversation))
    begins, ends = (turns.filter(pk=turn_id).values("number") for turn_id in (first, last))
    return turns.filter(number__gte=begins, number__lte=ends).count()


def latest(conversation: Conversation, *, after: int, also: Collection[UUID]) -> Sequence[TurnView]:
    """The turns with a number above `after`, and those named, in their order."""
    turns = Turn.objects.filter(
        Q(number__gt=after) | Q(pk__in=also), conversation=conversation
    ).order_by("number")
    return _views(conversation, turns[: CAUGHT_UP + len(also)])


def one(turn: Turn) -> TurnView:
    """This turn, read with its conversation, as its row was then."""
    return _views(turn.conversation, [turn])[0]


def several(conversation: Conversation, turns: Iterable[Turn]) -> list[TurnView]:
    """These turns of it, as their rows were then."""
    return _views(conversation, turns)


def items(view: TurnView) -> list[dict[str, Any]]:
    """What came in and, once it has its outcome, what came out."""
    shown = protocol.output(view.facts, view.entries)
    return [*protocol.input_items(view.facts.id, view.input), *shown]


def stored(facts: TurnFacts) -> tuple[Entry, ...]:
    """What the committed messages of a turn show: all there is where its log is gone."""
    told = store_for(facts.agent).told(facts.conversation_id, [facts.id])
    return replay(facts, shown(told.get(facts.id, ())))


def _views(conversation: Conversation, turns: Iterable[Turn]) -> list[TurnView]:
    turns = list(turns)
    claimed = [turn.pk for turn in turns if turn.attempt and turn.state in Turn.ENDED]
    told = store_for(conversation.agent).told(conversation.pk, claimed) if claimed else {}
    asked = pending(turns)
    return [_view(conversation, turn, told.get(turn.pk, ()), asked.get(turn.pk)) for turn in turns]


def shown(messages: Iterable[Told]) -> list[tuple[Sequence[Sequence[int]], dict[str, Any]]]:
    """The trace and the payload of each."""
    return [(message.trace, message.payload) for message in messages]


def _view(
    conversation: Conversation, turn: Turn, messages: Sequence[Told], asked: Pending | None
) -> TurnView:
    facts = facts_of(turn, conversation.agent)
    return TurnView(
        facts=facts,
        number=turn.number,
        state=turn.state,
        token=turn.claim_token,
        attempt=turn.attempt,
        worker=turn.worker_name,
        input=turn.input,
        error=turn.error,
        entries=_whole(facts, turn, messages) if turn.state in Turn.ENDED else (),
        notices=turn.notices,
        asked=asked,
        gone=turn.state in Turn.ENDED and bool(turn.attempt) and not messages,
    )


def facts_of(turn: Turn, agent: str) -> TurnFacts:
    created = int(turn.created.timestamp())
    return TurnFacts(turn.pk, turn.conversation_id, agent, created, turn.request)


def _whole(facts: TurnFacts, turn: Turn, messages: Sequence[Told]) -> tuple[Entry, ...]:
    """One that ended before any worker took it was never in progress."""
    entries = replay(facts, shown(messages)) if turn.attempt else opening(facts)[:1]
    return merge(entries, [protocol.ending(facts, entries, turn)])


def described(picture: Picture, so_far: Mapping[UUID, Sequence[Entry]]) -> dict[str, Any]:
    """What clients see of a picture; `so_far` has the entries of the turns that were open."""
    ended = [view for view in picture.turns if view.has_ended and view.state != "rolled_back"]
    conversation = picture.conversation
    return {
        "conversation": {
            "id": protocol.conversation_id(conversation.pk),
            "title": conversation.title,
            "agent": conversation.agent,
            "policy": conversation.policy,
        },
        "version": conversation.version,
        "has_more": picture.has_more,
        "items": [item for view in ended for item in _items(view)],
        "responses": [_outcome(view) for view in ended],
        "active": [
            _active(view, so_far[view.facts.id]) for view in picture.turns if not view.has_ended
        ],
    }


def _items(view: TurnView) -> list[dict[str, Any]]:
    response_id = protocol.response_id(view.facts.id)
    return [{"response_id": response_id, **item} for item in items(view)]


def _outcome(view: TurnView) -> dict[str, Any]:
    """With its last number, so that a client that knows it all can name a cursor."""
    status, details, error = protocol.outcome(view.state, view.error)
    return {
        **_summary(view),
        "status": status,
        "error": error,
        "sequence_number": view.entries[-1].number,
        **({"incomplete_details": details} if details else {}),
    }


def _active(view: TurnView, entries: Sequence[Entry]) -> dict[str, Any]:
    """It may have ended since its row was read: then its last entry says so."""
    last = entries[-1]
    end = last.data if last.kind is Kind.END else {}
    status, details, _ = protocol.outcome(end.get("status", view.state), end.get("error"))
    return {
        **_summary(view),
        "asked": view.asked,
        "status": status,
        **({"incomplete_details": details} if details else {}),
        "sequence_number": last.following - 1,
        "input": protocol.input_items(view.facts.id, view.input),
        "output": protocol.output(view.facts, entries),
    }


def notices(view: TurnView) -> list[str]:
    """What is to be known beside the answer."""
    return [*view.notices, GONE] if view.gone else list(view.notices)


def _summary(view: TurnView) -> dict[str, Any]:
    return {
        "response_id": protocol.response_id(view.facts.id),
        "status": protocol.STATUS[view.state],
        "worker": view.worker,
        "attempt": view.attempt,
        **({"notices": told} if (told := notices(view)) else {}),
    }
