"""How a turn was shown: entries, and the trace that rebuilds them from what was said.

An entry is what the log of a turn holds and the channel layer carries; `protocol.events` makes
the clients' events from it. One entry stands for `SPAN[kind]` events with consecutive numbers.
Pure data: `emitter` makes entries, `streams` carries them, `replays` reads them from rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Any

from conversations.facts import TurnFacts


class Kind(IntEnum):
    """What an entry shows; the numbers are stored, so they never change."""

    START = 0  # created, queued; data: the turn's facts, packed
    IN_PROGRESS = 1
    OPEN_MESSAGE = 2  # output_item.added, content_part.added
    TEXT = 3  # output_text.delta; data: str
    CLOSE_MESSAGE = 4  # output_text.done, content_part.done, output_item.done; data: [text, status]
    OPEN_CALL = 5  # output_item.added of a function call; data: [call_id, name]
    ARGUMENTS = 6  # function_call_arguments.delta; data: str
    CLOSE_CALL = 7  # function_call_arguments.done, output_item.done; data: [call_id, name, arguments, status]
    TOOL_OUTPUT = (
        8  # output_item.added, .done of a call's output; data: [item of the call, output, status]
    )
    END = 9  # completed, failed or incomplete; data: {status, output, usage, error, completed_at}


SPAN = {
    Kind.START: 2,
    Kind.IN_PROGRESS: 1,
    Kind.OPEN_MESSAGE: 2,
    Kind.TEXT: 1,
    Kind.CLOSE_MESSAGE: 3,
    Kind.OPEN_CALL: 1,
    Kind.ARGUMENTS: 1,
    Kind.CLOSE_CALL: 2,
    Kind.TOOL_OUTPUT: 2,
    Kind.END: 1,
}
OPENINGS = (Kind.OPEN_MESSAGE, Kind.OPEN_CALL)
DELTAS = (Kind.TEXT, Kind.ARGUMENTS)
CLOSINGS = (Kind.CLOSE_MESSAGE, Kind.CLOSE_CALL)
STATUSES = ("completed", "incomplete")  # of a closed item; a trace holds the index


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `number` is that of its first event."""

    number: int
    kind: Kind
    item: int = -1  # output_index; -1: of the response as a whole
    data: Any = None
    offset: int = 0  # TEXT, ARGUMENTS: characters of the item before this delta

    @property
    def following(self) -> int:
        """The number of the event after this entry's last."""
        return self.number + SPAN[self.kind]


# What items hold in the end, by output_index: [text] of a message, [call_id, name, arguments] of
# a call, [output, status] of a tool.
Contents = Mapping[int, Sequence[str]]
NOTHING = ("",)  # held by a message that was opened and got no text: its row has no part for it


def beginning(attempt: int) -> int:
    """The number that an attempt begins with where nobody knows how much was shown before it."""
    return attempt << 20


def opening(facts: TurnFacts) -> tuple[Entry, Entry]:
    """The first entries of every turn that was ever claimed."""
    return Entry(0, Kind.START, data=facts.packed()), Entry(2, Kind.IN_PROGRESS)


def pack(entries: Iterable[Entry]) -> list[list[Any]]:
    """Entries as plain lists for msgpack; what has its default is left off the end."""
    return [_pack(entry) for entry in entries]


def _pack(entry: Entry) -> list[Any]:
    if entry.offset:
        return [entry.number, int(entry.kind), entry.item, entry.data, entry.offset]
    if entry.data is not None:
        return [entry.number, int(entry.kind), entry.item, entry.data]
    return [entry.number, int(entry.kind), entry.item]


def unpack(packed: Iterable[Sequence[Any]]) -> tuple[Entry, ...]:
    """The entries that `pack` packed."""
    return tuple(Entry(number, Kind(kind), *rest) for number, kind, *rest in packed)


def trace(entries: Iterable[Entry]) -> list[list[int]]:
    """Rows [number, kind, item, length, ...] from which `rebuild` makes the entries of items.

    Deltas of one item that follow each other share a row, with the length of each. The length
    of a closing is the index of its status in STATUSES, that of a tool's output is the item of
    its call, for call ids are used again and again; that of all else is 0.
    """
    rows: list[list[int]] = []
    continues = (-1, -1, -1)  # the delta that would lengthen the last row
    for entry in (entry for entry in entries if entry.item >= 0):
        if (entry.number, entry.kind, entry.item) == continues:
            rows[-1].append(_length(entry))
        else:
            rows.append([entry.number, int(entry.kind), entry.item, _length(entry)])
        is_delta = entry.kind in DELTAS
        continues = (entry.following, entry.kind, entry.item) if is_delta else (-1, -1, -1)
    return rows


def _length(entry: Entry) -> int:
    if entry.kind in DELTAS:
        return len(entry.data)
    if entry.kind is Kind.TOOL_OUTPUT:
        return int(entry.data[0])
    return STATUSES.index(entry.data[-1]) if entry.kind in CLOSINGS else 0


def contents(entries: Iterable[Entry]) -> dict[int, list[str]]:
    """What the items of these entries hold so far: the other half of their trace."""
    held: dict[int, list[str]] = {}
    deltas: dict[int, list[str]] = {}
    for entry in entries:
        if entry.kind in DELTAS:
            deltas[entry.item].append(entry.data)
        elif entry.kind in OPENINGS:
            held[entry.item] = list(entry.data or ())
            deltas[entry.item] = []
        elif entry.kind is Kind.TOOL_OUTPUT:
            held[entry.item] = entry.data[1:]
    return held | {item: [*held[item], "".join(parts)] for item, parts in deltas.items()}


def following(rows: Iterable[Sequence[int]]) -> int:
    """The number after the last event of a turn that has shown this; 3 follows its opening."""
    return max((number + _span(kind, lengths) for number, kind, _, *lengths in rows), default=3)


def _span(kind: int, lengths: Sequence[int]) -> int:
    return len(lengths) if kind in DELTAS else SPAN[Kind(kind)]


def rebuild(rows: Iterable[Sequence[int]], held: Contents) -> list[Entry]:
    """The entries as they were shown, from their trace and what their items hold.

    One function for the base of a log and for stored messages, so that both show the same.
    """
    offsets: dict[int, int] = {}
    return [
        entry for row in sorted(rows, key=itemgetter(0)) for entry in _rebuild(row, held, offsets)
    ]


def _rebuild(row: Sequence[int], held: Contents, offsets: dict[int, int]) -> Iterator[Entry]:
    number, kind, item, *lengths = row
    if kind not in DELTAS:
        content = held.get(item, NOTHING)
        yield Entry(number, Kind(kind), item, _data(kind, content, lengths[0]))
        return
    for position, length in enumerate(lengths):
        offset = offsets.get(item, 0)
        offsets[item] = offset + length
        delta = held[item][-1][offset : offset + length]
        yield Entry(number + position, Kind(kind), item, delta, offset)


def _data(kind: int, held: Sequence[str], length: int) -> list[Any] | None:
    if kind in CLOSINGS:
        return [*held, STATUSES[length]]
    if kind == Kind.OPEN_CALL:
        return list(held[:2])
    return [length, *held] if kind == Kind.TOOL_OUTPUT else None


def condense(entries: Sequence[Entry]) -> list[Any]:
    """The base of a log as plain data: each text once, however many deltas it came in."""
    whole = [entry for entry in entries if entry.item < 0]
    return [trace(entries), list(contents(entries).items()), pack(whole)]


def expand(base: Sequence[Any]) -> tuple[Entry, ...]:
    """The entries that `condense` condensed."""
    rows, held, whole = base
    return merge(unpack(whole), rebuild(rows, dict(held)))


def merge(*shown: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries from several places in order, each once: what its number is, it is everywhere."""
    by_number = {entry.number: entry for entries in shown for entry in entries}
    return tuple(by_number[number] for number in sorted(by_number))
