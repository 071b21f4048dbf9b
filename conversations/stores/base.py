"""The promise of a store: what every place that keeps transcripts does alike.

A store keeps, per conversation, messages and the version that counts the commits which changed
them. `append` is compare-and-set on that version, so two writers never both succeed from one
snapshot, and it is idempotent by key, so a write whose reply was lost can be sent again.
Turn rows always live in PostgreSQL; only transcripts move.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID


class Keeps(StrEnum):
    """What a store may keep beyond what all keep; docs/guarantees.md says which keeps what."""

    FENCE = "the fence: who lost the claim writes nothing"
    COMMIT = "the commit: what is rolled back was never there"
    ONE_LINE = "one line: a state that was moved on from cannot be moved on from again"
    SHOWN = "what was shown: replays, and what was withdrawn"
    FOR_EVER = "for ever: nothing expires before it is deleted"
    WITHOUT_REDIS = "without Redis: its loss loses nothing"


@dataclass(frozen=True, slots=True)
class Key:
    """Names one write for ever: the same key is never written twice."""

    turn: UUID
    attempt: int
    step: int


@dataclass(frozen=True, slots=True)
class Fence:
    """The claim that a writer holds; a write under a lost claim raises `errors.Fenced`."""

    turn: UUID
    token: UUID


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append: `payload` is one pydantic-ai ModelMessage as JSON."""

    key: Key
    kind: str  # Message.Kind
    payload: str
    trace: Sequence[Sequence[int]] = ()  # as conversations.traces writes it
    retracted: bool = False  # an incomplete partial: kept and shown, never given to the model


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A transcript as the model may see it, at one version: retracted messages are left out."""

    handle: UUID  # the conversation
    version: int
    messages: tuple[str, ...] = ()  # each one pydantic-ai ModelMessage as JSON, oldest first
    earlier: int = 0  # messages before these, which were not asked for
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message as it was said and shown, retracted ones among them."""

    key: Key
    number: int
    kind: str
    payload: dict[str, Any]  # pydantic-ai's JSON, read
    trace: Sequence[Sequence[int]]
    retracted: bool
    created: datetime


class Store(Protocol):
    """Every method is synchronous and may be called inside a transaction of the caller's.

    Where the place of the transcripts is another than PostgreSQL, and is away, every method raises
    `errors.StoreAway`, and nothing was committed; callers bear it, and wait for it in no thread.
    """

    keeps: frozenset[Keeps]
    is_carried: bool = False  # by its client: nothing is here
    largest: int | None = None  # bytes of a message that its place takes, where that has a limit

    def create(self, handle: UUID) -> Snapshot:
        """Begin an empty transcript at version 0."""

    def load(self, handle: UUID, *, newest: int = 0) -> Snapshot:
        """Read the transcript, or only so many of its newest messages.

        Raises `errors.NotFound`, or `errors.TranscriptGone` where it has expired or was lost.
        """

    def resume(
        self,
        handle: UUID,
        base_version: int,
        wrote: Sequence[NewMessage],
        version: int,
        *,
        newest: int = 0,
    ) -> Snapshot:
        """Read it for a claim that found `base_version`, added `wrote` and made it `version`.

        A store with hot copies may answer from one that has the base version, and leave the
        metadata, which the claim has, empty. It may give more than the newest.
        """
        return self.load(handle, newest=newest)

    def append(
        self, snapshot: Snapshot, messages: Sequence[NewMessage], *, fence: Fence | None = None
    ) -> Snapshot:
        """Add messages, at least one, in one commit if the version is still the snapshot's.

        Returns the snapshot after it. A key that is present already under the same fence counts
        as written. Raises `errors.VersionConflict` (read again, append again), `errors.Fenced`, or
        what is `errors.Unstorable`: `TranscriptGone` where there is nothing left to append to,
        `MessageTooLarge` where the place of the transcripts takes no message of this size.
        """

    def retract(self, snapshot: Snapshot, turn: UUID) -> Snapshot:
        """Hide a turn's messages from the model in one commit. Raises as `append` does."""

    def fork(self, source: UUID, target: UUID, turns: Mapping[UUID, UUID]) -> None:
        """Copy the messages of these turns, as those of their copies, to a transcript just begun.

        What was retracted is copied too, for it is shown. The copy's version becomes 1.
        """

    def told(self, handle: UUID, turns: Collection[UUID]) -> Mapping[UUID, Sequence[Told]]:
        """The messages of these turns, as far as they are still there; a turn without is left out."""

    def complete(self, handle: UUID, rows: Sequence[Any]) -> None:
        """Give rows of Message, in order, what is kept elsewhere; where it is gone they stay bare."""

    def delete(self, handle: UUID) -> None:
        """Forget the transcript; nothing happens where there is none. Under the Conversation lock."""

    def extend(self, handle: UUID) -> None:
        """Put off its expiry, where the store has one."""
