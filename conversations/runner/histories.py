"""Transcripts that this process has read and parsed, kept for the next turn of a conversation.

Nobody tells this process when another one has answered. So a history is believed only where it
has exactly the version that the claim found: it is then what the rows are. Used on the event loop.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from pydantic_ai.messages import ModelMessage

from conversations.stores.base import Keeps, Snapshot, Store
from workers.observing import metrics

MESSAGES = 200  # of one transcript that are kept; an agent's window is smaller


@dataclass(frozen=True, slots=True)
class History:
    """A transcript at one version, and as much of it as has been parsed."""

    snapshot: Snapshot
    parsed: Mapping[str, ModelMessage]  # by the message as it is stored

    @property
    def size(self) -> int:
        return sum(map(len, self.snapshot.messages))


class Histories:
    """Those that were used last, up to so many characters in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[UUID, History] = OrderedDict()
        self._size = 0

    def find(self, conversation: UUID, version: int, *, newest: int = 0) -> History | None:
        """At this version, with as many of the newest messages as wanted; 0: with all."""
        found = self._kept.get(conversation)
        if found is None or found.snapshot.version != version:
            return None
        if found.snapshot.earlier and not 0 < newest <= len(found.snapshot.messages):
            return None
        self._kept.move_to_end(conversation)
        return found

    def keep(self, history: History, *, newest: int = 0) -> None:
        """For the next turn; only as many messages as that may want."""
        history = _cut(history, max(newest, MESSAGES) if newest else 0)
        self.forget(history.snapshot.handle)
        self._kept[history.snapshot.handle] = history
        self._size += history.size
        while self._size > self._most:
            self.forget(next(iter(self._kept)))

    def forget(self, conversation: UUID) -> None:
        if dropped := self._kept.pop(conversation, None):
            self._size -= dropped.size


def _cut(history: History, newest: int) -> History:
    snapshot = history.snapshot
    surplus = len(snapshot.messages) - newest
    if not newest or surplus <= 0:
        return history
    messages = snapshot.messages[surplus:]
    parsed = {key: history.parsed[key] for key in messages if key in history.parsed}
    cut = replace(snapshot, messages=messages, earlier=snapshot.earlier + surplus)
    return History(cut, parsed)


_own = Histories(settings.WORKER_HISTORIES)


def of(store: Store) -> Histories | None:
    """This process's; None where none are kept, or what the store has may be gone by itself."""
    if not settings.WORKER_HISTORIES or Keeps.FOR_EVER not in store.keeps:
        return None
    return _own


def find(store: Store, conversation: UUID, version: int, *, newest: int) -> History | None:
    """What this process knows of a conversation, counted as a look-up of a cache."""
    if (histories := of(store)) is None:
        return None
    found = histories.find(conversation, version, newest=newest)
    metrics.CACHE.labels(cache="history", result="hit" if found else "miss").inc()
    return found
