"""Stores whose contents are elsewhere: PostgreSQL keeps a bare row per message, which decides.

The order of a write: the version moves and the bare rows are inserted, under the Conversation
lock; the contents are put into their place; then PostgreSQL commits. So what is committed was in
its place, and what is in its place without a row (its transaction failed) is never read, and is
overwritten by whoever writes that number next. Each put carries a write number that grows with
every try, so that one that arrives late, from a transaction that is dead, is refused.
"""

import json
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection
from django.db.models import F

from conversations.errors import TranscriptGone
from conversations.models import Conversation, Message
from conversations.stores.base import NewMessage, Snapshot, Told
from conversations.stores.database import DatabaseStore, as_told, look_up
from conversations.stores.writes import Row

NEAR = 64  # numbers between two messages that are still read in one go


@dataclass(frozen=True, slots=True)
class Content:
    """What a place keeps of a message: its JSON, and the trace of how it was shown."""

    payload: str
    trace: Sequence[Sequence[int]] = ()

    def packed(self) -> str:
        """One string: the trace, a line feed, the payload word for word."""
        return f"{json.dumps(self.trace, separators=(',', ':'))}\n{self.payload}"

    @classmethod
    def unpacked(cls, packed: str) -> "Content":
        trace, _, payload = packed.partition("\n")
        return cls(payload, json.loads(trace))


class ForeignStore(DatabaseStore):
    """What the stores with another place have in common; a subclass is the way to its place.

    Who runs in a transaction of his own is as safe as with rows. Weaker: the place may lose what
    PostgreSQL still counts, and then `TranscriptGone` says so.
    """

    may_refuse = True
    piece: int  # contents that one `put` takes well within idle_in_transaction_session_timeout

    # --- The place ------------------------------------------------------------------------------

    @abstractmethod
    def put(self, handle: UUID, first: int, write: int, contents: Sequence[str]) -> None:
        """Store them under the numbers from `first` on, over what a dead transaction left there.

        Raises `StoreAway`, also where a later `write` was here, `TranscriptGone`, or
        `MessageTooLarge`.
        """

    @abstractmethod
    def get(self, handle: UUID, first: int, end: int) -> Mapping[int, str]:
        """The contents under the numbers from `first` to before `end`, as far as they are there."""

    @abstractmethod
    def drop(self, handle: UUID) -> None:
        """Forget all contents of a conversation."""

    # --- The store ------------------------------------------------------------------------------

    def row(self, message: NewMessage) -> NewMessage:
        """Without what its place keeps."""
        return replace(message, payload="null", trace=())

    def wrote(self, before: Snapshot, messages: Sequence[NewMessage], rows: Sequence[Row]) -> None:
        contents = [Content(message.payload, message.trace).packed() for message in messages]
        # The ids come from a sequence, which no roll-back turns back: later tries have higher ones.
        self._put_all(before.handle, rows[0].number, rows[-1].pk, contents)

    def _put_all(self, handle: UUID, first: int, write: int, contents: Sequence[str]) -> None:
        """In pieces; between them PostgreSQL hears that this transaction lives."""
        for begin in range(0, len(contents), self.piece):
            if begin:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT")
            self.put(handle, first + begin, write, contents[begin : begin + self.piece])

    def load(self, handle: UUID, *, newest: int = 0) -> Snapshot:
        version, metadata, earlier, numbers = look_up(handle, F("number"), newest=newest)
        return Snapshot(handle, version, self._payloads(handle, numbers), earlier, metadata)

    def load_afresh(self, handle: UUID) -> Snapshot:
        """What is withdrawn is withdrawn by its row, whether or not the rest is still there."""
        try:
            return self.load(handle)
        except TranscriptGone:
            found = Conversation.objects.get(pk=handle)
            return Snapshot(handle, found.version, (), found.next_message, found.metadata)

    def _payloads(self, handle: UUID, numbers: Sequence[int]) -> tuple[str, ...]:
        found = self._contents(handle, numbers)
        if len(found) < len(numbers):
            raise TranscriptGone
        return tuple(found[number].payload for number in numbers)

    def _contents(self, handle: UUID, numbers: Iterable[int]) -> dict[int, Content]:
        """By number, in their order, as far as they are there."""
        wanted = list(numbers)
        found: dict[int, str] = {}
        for first, end in spans(wanted):
            found |= self.get(handle, first, end)
        return {number: Content.unpacked(found[number]) for number in wanted if number in found}

    def told(self, handle: UUID, turns: Collection[UUID]) -> Mapping[UUID, Sequence[Told]]:
        found = list(Message.objects.filter(turn__in=turns).order_by("number"))
        self.complete(handle, found)
        by_turn: defaultdict[UUID, list[Told]] = defaultdict(list)
        for row in found:
            if row.payload is not None:
                by_turn[row.turn_id].append(as_told(row))
        return by_turn

    def complete(self, handle: UUID, rows: Sequence[Message]) -> None:
        contents = self._contents(handle, [row.number for row in rows])
        for row in rows:
            if content := contents.get(row.number):
                row.payload, row.trace = json.loads(content.payload), list(content.trace)

    def fork(self, source: UUID, target: UUID, turns: Mapping[UUID, UUID]) -> None:
        copied = Message.objects.filter(conversation=source, turn__in=turns).order_by("number")
        numbers = list(copied.values_list("number", flat=True))
        super().fork(source, target, turns)
        if not numbers:
            return
        contents = self._contents(source, numbers)
        if len(contents) < len(numbers):
            raise TranscriptGone
        newest = Message.objects.filter(conversation=target).order_by("-pk")
        write = newest.values_list("pk", flat=True)[0]
        self._put_all(target, 0, write, [contents[number].packed() for number in numbers])

    def delete(self, handle: UUID) -> None:
        """Contents first: a commit that fails afterwards leaves a gap, and never an orphan."""
        self.drop(handle)
        super().delete(handle)


def spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """The ranges [first, end) that cover ascending numbers, near ones together."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number < ranges[-1][1] + NEAR:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return ranges
