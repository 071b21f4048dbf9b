"""The store of record: a row per message, guarded by the version in the conversation's row."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, OuterRef, Subquery, TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce

from conversations.errors import NotFound, VersionConflict
from conversations.models import Conversation, Message
from conversations.stores.base import Fence, Keeps, Key, NewMessage, Snapshot, Store, Told
from conversations.stores.writes import Row, check, insert, written

# However many messages there are, they never leave PostgreSQL.
FORK = """
WITH copied AS (
    INSERT INTO conversations_message (
        conversation_id, number, turn_id, attempt, step, kind, payload, trace, retracted, created
    )
    SELECT %s, row_number() OVER (ORDER BY number) - 1, copy.id, attempt, step, kind,
        payload, trace, retracted, created
    FROM conversations_message AS message
    JOIN unnest(%s::uuid[], %s::uuid[]) AS copy (turn, id)
        ON message.turn_id = copy.turn
    WHERE conversation_id = %s
    RETURNING number
)
UPDATE conversations_conversation
SET version = version + 1, next_message = (SELECT count(*) FROM copied)
WHERE id = %s
"""


class DatabaseStore(Store):
    """Rows of PostgreSQL; a transcript begins and ends with the row of its conversation.

    Keeps all that a store can keep. A subclass may keep the contents of messages elsewhere: it
    has `row`, `wrote`, `load`, `told` and `fork` of its own, and the rows still decide.
    """

    keeps = frozenset(Keeps)

    def create(self, handle: UUID) -> Snapshot:
        return Snapshot(handle, 0)

    def load(self, handle: UUID, *, newest: int = 0) -> Snapshot:
        payload = Cast("payload", TextField())
        version, metadata, earlier, messages = look_up(handle, payload, newest=newest)
        return Snapshot(handle, version, tuple(messages), earlier, metadata)

    def append(
        self, snapshot: Snapshot, messages: Sequence[NewMessage], *, fence: Fence | None = None
    ) -> Snapshot:
        try:
            # Only a fence is looked at after the first write, so only then a savepoint pays.
            with transaction.atomic(savepoint=fence is not None or self.may_refuse):
                if rows := insert(snapshot, [self.row(message) for message in messages]):
                    check(fence)
                    self.wrote(snapshot, messages, rows)
                    return grown(snapshot, messages, version=snapshot.version + 1)
        except IntegrityError:
            if not written(messages):
                raise
        check(fence)
        current = version_of(snapshot.handle)
        if not written(messages):
            raise VersionConflict(current=current)
        return grown(snapshot, messages, version=current)

    may_refuse = False  # whether `wrote` may raise `Unstorable`

    def row(self, message: NewMessage) -> NewMessage:
        """What PostgreSQL keeps of a message."""
        return message

    def wrote(self, before: Snapshot, messages: Sequence[NewMessage], rows: Sequence[Row]) -> None:
        """What a subclass does about a write that took place now; its commit is still to come."""

    def retract(self, snapshot: Snapshot, turn: UUID) -> Snapshot:
        held = Conversation.objects.filter(pk=snapshot.handle, version=snapshot.version)
        with transaction.atomic(savepoint=False):
            # As every write it begins with the version, which also takes the Conversation lock.
            if held.update(version=F("version") + 1):
                Message.objects.filter(turn=turn, retracted=False).update(retracted=True)
                return self.load_afresh(snapshot.handle)
        raise VersionConflict(current=version_of(snapshot.handle))

    def load_afresh(self, handle: UUID) -> Snapshot:
        """Read it without any cached copy."""
        return DatabaseStore.load(self, handle)

    def told(self, handle: UUID, turns: Collection[UUID]) -> Mapping[UUID, Sequence[Told]]:
        by_turn: defaultdict[UUID, list[Told]] = defaultdict(list)
        for row in Message.objects.filter(turn__in=turns).order_by("number"):
            by_turn[row.turn_id].append(as_told(row))
        return by_turn

    def complete(self, handle: UUID, rows: Sequence[Message]) -> None:
        """They are whole."""

    def fork(self, source: UUID, target: UUID, turns: Mapping[UUID, UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(FORK, [target, list(turns), list(turns.values()), source, target])

    def delete(self, handle: UUID) -> None:
        """Django deletes from the leaves: without the lock that would be Turn before Conversation."""
        Conversation.objects.filter(pk=handle).delete()

    def extend(self, handle: UUID) -> None:
        """Rows do not expire by themselves."""


def hidden() -> Coalesce:
    """How many messages of a conversation are retracted: few, so the many others are not counted."""
    retracted = Message.objects.filter(conversation=OuterRef("pk"), retracted=True)
    counted = retracted.order_by().values("conversation").values(count=Count("*"))
    return Coalesce(Subquery(counted), 0)


def unseen(count: int, messages: Sequence[Any], newest: int) -> int:
    """How many of so many messages were not asked for; numbers of deleted ones stay in the count."""
    return count - len(messages) if newest and len(messages) == newest else 0


def look_up(
    handle: UUID, field: Combinable, *, newest: int
) -> tuple[int, dict[str, Any], int, list[Any]]:
    """Version, metadata, messages before these, and the field of the newest that may be seen.

    All by one statement: read in two, another's commit could fall between version and messages.
    Raises `NotFound`.
    """
    visible = Message.objects.filter(conversation=OuterRef("pk"), retracted=False)
    fields = visible.order_by("-number").values(field=field)
    found = (
        Conversation.objects.filter(pk=handle)
        .values_list(
            "version",
            "metadata",
            F("next_message") - hidden(),
            ArraySubquery(fields[:newest] if newest else fields),
        )
        .first()
    )
    if found is None:
        raise NotFound
    version, metadata, count, newest_first = found
    return version, metadata, unseen(count, newest_first, newest), newest_first[::-1]


def as_told(row: Message) -> Told:
    """A row that is whole."""
    assert row.payload is not None, "its store keeps it elsewhere"
    return Told(
        key=Key(row.turn_id, row.attempt, row.step),
        number=row.number,
        kind=row.kind,
        payload=row.payload,
        trace=row.trace,
        retracted=row.retracted,
        created=row.created,
    )


def version_of(handle: UUID) -> int:
    version = Conversation.objects.filter(pk=handle).values_list("version", flat=True).first()
    if version is None:
        raise NotFound
    return version


def grown(snapshot: Snapshot, messages: Sequence[NewMessage], *, version: int) -> Snapshot:
    """The snapshot with what was added to it, as far as the model may see that."""
    added = tuple(message.payload for message in messages if not message.retracted)
    return replace(snapshot, version=version, messages=snapshot.messages + added)
