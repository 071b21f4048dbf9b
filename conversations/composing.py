"""What a running turn shows: each entry is numbered once, in order, and never changes.

Pure: the runner composes through `emitter.Emitter`, which sends what this holds.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from conversations.showing.replays import unfinished
from conversations.traces import Entry, Kind, contents, trace


class Composition:
    """The entries of a turn so far, and the pen that adds to them.

    Deltas of one item that follow each other become one entry until `take` fetches it. What may
    be seen only after a commit (the closing of an item, a tool's output) is numbered at once, so
    that the commit can store its trace, and is held back, with all after it, until `release`.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.first_token: datetime | None = None
        self.deltas = 0  # that were written since the last `take`
        self._next = 0
        self._lengths: dict[int, int] = {}  # characters, of the items that are open
        self._calls: dict[int, str] = {}  # by item, ids of the calls without an output
        self._items = 0
        self._pieces: list[str] = []  # of the delta that still grows
        self._growing: Entry | None = None
        self._taken = 0  # entries that `take` has fetched
        self._held_from: int | None = None

    def resume(self, entries: Iterable[Entry], following: int, *, taken: int) -> None:
        """Go on after what was shown; the first `taken` of it are where they belong already."""
        self.entries = list(entries)
        self._next = following
        self._taken = taken
        self._items = 1 + max((entry.item for entry in self.entries), default=-1)
        held = contents(self.entries)
        self._lengths = {item: len(held[item][-1]) for item in self.unfinished}
        for entry in self.entries:
            self._count_calls(entry)

    @property
    def next(self) -> int:
        """The number of the next event: after all closings, that of the END to come."""
        return self._next

    @property
    def unfinished(self) -> list[int]:
        """The items that are open, those of a dead attempt among them."""
        return unfinished(self.entries)

    def trace(self, *items: int) -> list[list[int]]:
        """The trace of these items, for the message that stores them."""
        self._settle()
        return trace(entry for entry in self.entries if entry.item in items)

    def held(self, item: int) -> list[str]:
        """What an item holds so far, as in `traces.Contents`."""
        self._settle()
        return contents(entry for entry in self.entries if entry.item == item)[item]

    def open_message(self) -> int:
        """Begin a message; returns its output_index."""
        return self._open(Kind.OPEN_MESSAGE)

    def open_call(self, call_id: str, name: str) -> int:
        """Begin a call of a function; returns its output_index."""
        return self._open(Kind.OPEN_CALL, [call_id, name])

    def text(self, item: int, delta: str) -> None:
        if delta and self.first_token is None:
            self.first_token = datetime.now(UTC)
        self._grow(Kind.TEXT, item, delta)

    def arguments(self, item: int, delta: str) -> None:
        self._grow(Kind.ARGUMENTS, item, delta)

    def close(self, item: int, *, status: str = "completed") -> None:
        """End an item as `completed` or `incomplete`; seen after `release`."""
        held = self.held(item)
        kind = Kind.CLOSE_MESSAGE if len(held) == 1 else Kind.CLOSE_CALL
        del self._lengths[item]
        self._hold()
        self._add(kind, item, [*held, status])

    def tool_output(self, call_id: str, output: str, status: str = "completed") -> int:
        """Show a tool's result, or, `incomplete`, why the call was not made; seen after `release`.

        Returns its output_index. Providers use an id again and again; it means the first call of
        that id still without one.
        """
        waiting = (item for item, waits in self._calls.items() if waits == call_id)
        self._hold()
        self._add(Kind.TOOL_OUTPUT, self._items, [next(waiting, self._items), output, status])
        self._items += 1
        return self._items - 1

    def item_of_call(self, call_id: str) -> int:
        """The output_index of the first call of that id that has no output yet."""
        return next(item for item, waits in self._calls.items() if waits == call_id)

    def end(self, entry: Entry) -> None:
        """Show the END, whose number is `next`; its outcome is committed."""
        assert entry.number == self._next, f"the last event is {self._next}"
        self._add(entry.kind, entry.item, entry.data)

    def release(self) -> None:
        """Show what was held back: its commit has happened."""
        self._held_from = None
        self._written()

    def take(self) -> list[Entry]:
        """The entries that may be seen and were not taken yet."""
        self._settle()
        taken, self._taken, self.deltas = self._taken, self._visible, 0
        return self.entries[taken : self._visible]

    @property
    def waits(self) -> bool:
        """Whether `take` would give anything."""
        return self._taken < self._visible or (
            self._growing is not None and self._held_from is None
        )

    @property
    def _visible(self) -> int:
        return len(self.entries) if self._held_from is None else self._held_from

    def _written(self) -> None:
        """Something was written; a subclass may want to know."""

    def _open(self, kind: Kind, data: list[str] | None = None) -> int:
        item = self._items
        self._items += 1
        self._lengths[item] = 0
        self._add(kind, item, data)
        return item

    def _grow(self, kind: Kind, item: int, delta: str) -> None:
        if not delta:
            return
        growing = self._growing
        if growing is None or (growing.kind, growing.item) != (kind, item):
            self._settle()
            self._growing = Entry(self._next, kind, item, "", self._lengths[item])
            self._next += 1
        self._pieces.append(delta)
        self._lengths[item] += len(delta)
        self.deltas += 1
        self._written()

    def _settle(self) -> None:
        """Turn the delta that grew into an entry."""
        if growing := self._growing:
            delta = "".join(self._pieces)
            self.entries.append(
                Entry(growing.number, growing.kind, growing.item, delta, growing.offset)
            )
            self._growing, self._pieces = None, []

    def _hold(self) -> None:
        self._settle()
        if self._held_from is None:
            self._held_from = len(self.entries)

    def _add(self, kind: Kind, item: int, data: object = None) -> None:
        self._settle()
        entry = Entry(self._next, kind, item, data)
        self.entries.append(entry)
        self._count_calls(entry)
        self._next = entry.following
        self._written()

    def _count_calls(self, entry: Entry) -> None:
        if entry.kind is Kind.CLOSE_CALL and entry.data[-1] == "completed":
            self._calls[entry.item] = entry.data[0]
        elif entry.kind is Kind.TOOL_OUTPUT:
            self._calls.pop(entry.data[0], None)
