"""A conversation as people read it: a page of messages under the turns that they belong to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from conversations.admin.parts import Part, parts, said
from conversations.admin.timeline import Phase, phases, tokens, total
from conversations.models import Conversation, Message, ToolCall, Turn
from conversations.stores import store_for

SIZE = 50  # messages on a page; also the most queued turns that the newest page shows

# By turn and step of the response that asks, because ids of calls repeat from step to step.
Ledger = dict[tuple[UUID, int], dict[str, ToolCall]]


@dataclass(frozen=True, slots=True)
class Line:
    """One message."""

    message: Message
    who: str  # person, agent or tool
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Block:
    """A turn with those of its messages that stand on the page."""

    turn: Turn
    lines: list[Line]
    continued: bool = False  # its head stood above already

    @property
    def phases(self) -> list[Phase]:
        return phases(self.turn)

    @property
    def total(self) -> str:
        return total(self.turn)

    @property
    def tokens(self) -> str:
        return tokens(self.turn)

    @property
    def pending(self) -> list[str]:
        """What was sent, while it is in no message yet."""
        if self.lines or self.turn.attempt:
            return []
        return [said(item.get("content")) for item in self.turn.input if isinstance(item, dict)]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One page; `older` and `newer` are the numbers at which the next pages begin."""

    blocks: list[Block]
    older: int | None
    newer: int | None


def read(
    conversation: Conversation, *, before: int | None = None, after: int | None = None
) -> Transcript:
    """The newest page, or the one that ends before or begins after a message's number."""
    messages = _messages(conversation, before=before, after=after)
    store_for(conversation.agent).complete(conversation.pk, messages)
    first, last = (messages[0].number, messages[-1].number) if messages else (0, -1)
    is_newest = last + 1 >= conversation.next_message or not messages
    turns = {turn.pk: turn for turn in _turns(conversation, messages, with_open=is_newest)}
    blocks = _blocks(messages, turns, _ledger(turns))
    return Transcript(blocks, older=first if first > 0 else None, newer=None if is_newest else last)


def _messages(
    conversation: Conversation, *, before: int | None, after: int | None
) -> list[Message]:
    """In order. The index a_message_number_is_used_once serves each of the three."""
    rows = Message.objects.filter(conversation=conversation).defer("trace")
    if after is not None:
        return list(rows.filter(number__gt=after).order_by("number")[:SIZE])
    if before is not None:
        rows = rows.filter(number__lt=before)
    return list(rows.order_by("-number")[:SIZE])[::-1]


def _turns(
    conversation: Conversation, messages: Sequence[Message], *, with_open: bool
) -> list[Turn]:
    """Those of the messages, then the open ones that have none."""
    shown = {message.turn_id for message in messages}
    turns = list(Turn.objects.filter(pk__in=shown))
    if with_open:
        waiting = Turn.objects.filter(conversation=conversation, state__in=Turn.OPEN)
        turns += [turn for turn in waiting.order_by("number")[:SIZE] if turn.pk not in shown]
    return turns


def _ledger(turns: Mapping[UUID, Turn]) -> Ledger:
    ledger: Ledger = defaultdict(dict)
    for call in ToolCall.objects.filter(turn__in=turns):
        ledger[call.turn_id, call.step][call.tool_call_id] = call
    return ledger


def _blocks(
    messages: Sequence[Message],
    turns: Mapping[UUID, Turn],
    ledger: Ledger,
) -> list[Block]:
    blocks: list[Block] = []
    seen: set[UUID] = set()
    for turn_id, group in groupby(messages, key=lambda message: message.turn_id):
        lines = [_line(each, ledger) for each in group]
        blocks.append(Block(turns[turn_id], lines, continued=turn_id in seen))
        seen.add(turn_id)
    return blocks + [Block(turn, []) for turn in turns.values() if turn.pk not in seen]


def _line(message: Message, ledger: Ledger) -> Line:
    calls = ledger.get((message.turn_id, message.step), {})
    return Line(message, _who(message), parts(message.payload, calls))


def _who(message: Message) -> str:
    if message.kind == Message.Kind.RESPONSE:
        return "agent"
    return "person" if message.step == 0 else "tool"
