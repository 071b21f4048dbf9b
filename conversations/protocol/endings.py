"""The last entry of a turn, from its outcome: live and from the row it is the same."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from conversations.facts import TurnFacts
from conversations.protocol.items import output
from conversations.traces import Entry, Kind


class HasEnded(Protocol):
    """What a row of Turn and the answer of `turns.end` both know of an outcome."""

    @property
    def state(self) -> str: ...
    @property
    def last_event(self) -> int | None: ...
    @property
    def finished(self) -> datetime | None: ...
    @property
    def usage(self) -> Mapping[str, Any] | None: ...
    @property
    def error(self) -> Mapping[str, Any] | None: ...
    @property
    def notices(self) -> Sequence[str]: ...


def ending(facts: TurnFacts, entries: Iterable[Entry], ended: HasEnded) -> Entry:
    """The END after all other entries of the turn."""
    assert ended.last_event is not None, "a turn that has ended has a last event"
    assert ended.finished is not None, "a turn that has ended has a time when it did"
    data = {
        "status": ended.state,
        "output": output(facts, entries),
        "usage": ended.usage,
        "error": ended.error,
        "completed_at": int(ended.finished.timestamp()),
        **({"notices": list(ended.notices)} if ended.notices else {}),
    }
    return Entry(ended.last_event, Kind.END, data=data)
