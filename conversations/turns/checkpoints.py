"""A running turn adds to the transcript, without ever asking the model a second time."""

from collections.abc import Sequence
from dataclasses import replace

from conversations.errors import VersionConflict
from conversations.stores.base import Fence, NewMessage, Snapshot, Store
from conversations.turns.commits import settled


def checkpoint(
    store: Store, snapshot: Snapshot, messages: Sequence[NewMessage], *, fence: Fence
) -> Snapshot:
    """Append under a claim, until it is known to be stored. Raises `Fenced`: stop.

    While a turn runs only its claim changes what the model sees; what others commit then is
    retracted (a queued message that was cancelled). So a conflict asks for the new version and
    nothing else. Each round means that somebody else's commit succeeded: this cannot spin.
    """
    while True:
        try:
            return settled(lambda _: store.append(snapshot, messages, fence=fence))  # noqa: B023
        except VersionConflict as conflict:
            snapshot = _moved(snapshot, conflict)


def _moved(snapshot: Snapshot, conflict: VersionConflict) -> Snapshot:
    assert conflict.current is not None, "a store says which version it has"
    return replace(snapshot, version=conflict.current)
