"""The default store: rows first, then a hot copy of the newest messages in Redis.

PostgreSQL alone decides. The copy follows each commit, is trusted only at the version that the
reader asks for, and may be missing at any time.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import transaction

from conversations.errors import NotFound
from conversations.models import Conversation
from conversations.stores import hot
from conversations.stores.base import NewMessage, Snapshot
from conversations.stores.database import DatabaseStore, grown
from conversations.stores.writes import Row


class HybridStore(DatabaseStore):
    """As `DatabaseStore`, without reading what is known; Redis never fails anything."""

    def load(self, handle: UUID, *, newest: int = 0) -> Snapshot:
        found = Conversation.objects.filter(pk=handle).values_list("version", "metadata").first()
        if found is None:
            raise NotFound
        version, metadata = found
        if copy := hot.read(handle, version, newest=newest):
            return Snapshot(handle, version, copy.messages, copy.earlier, metadata)
        return self._load_rows(handle, newest)

    def resume(
        self,
        handle: UUID,
        base_version: int,
        wrote: Sequence[NewMessage],
        version: int,
        *,
        newest: int = 0,
    ) -> Snapshot:
        copy = hot.read(handle, version, base_version, newest=newest)
        if copy is None:
            return self._load_rows(handle, newest)
        snapshot = Snapshot(handle, copy.version, copy.messages, copy.earlier)
        if copy.version == version:
            return snapshot
        return grown(snapshot, wrote, version=version)

    def wrote(self, before: Snapshot, messages: Sequence[NewMessage], rows: Sequence[Row]) -> None:
        visible = [message.payload for message in messages if not message.retracted]
        self._then(lambda: hot.append(before.handle, before.version, visible))

    def retract(self, snapshot: Snapshot, turn: UUID) -> Snapshot:
        after = super().retract(snapshot, turn)
        self._then(lambda: hot.forget(snapshot.handle))
        return after

    def delete(self, handle: UUID) -> None:
        super().delete(handle)
        self._then(lambda: hot.forget(handle))

    def extend(self, handle: UUID) -> None:
        hot.extend(handle)

    def _load_rows(self, handle: UUID, newest: int) -> Snapshot:
        snapshot = super().load(handle, newest=newest)
        copy = hot.Copy(snapshot.version, snapshot.earlier, snapshot.messages)
        self._then(lambda: hot.fill(handle, copy))
        return snapshot

    @staticmethod
    def _then(deed: Callable[[], object]) -> None:
        """Once it is committed, and only then: a copy of what was rolled back would be a lie."""
        transaction.on_commit(deed, robust=True)
