"""What was shown survives packing, and comes back from its trace and its texts."""

import json

import msgpack
from hypothesis import given

from conversations.traces import (
    Entry,
    Kind,
    condense,
    contents,
    expand,
    merge,
    pack,
    rebuild,
    trace,
    unpack,
)
from tests.unit.shown import turns


def through_msgpack(data):
    return msgpack.unpackb(msgpack.packb(data))


@given(turns())
def test_packed_entries_unpack_to_the_same_entries(shown):
    assert list(unpack(through_msgpack(pack(shown)))) == shown


@given(turns())
def test_entries_rebuild_from_their_trace_and_contents(shown):
    stored = json.loads(json.dumps(trace(shown)))
    assert rebuild(stored, contents(shown)) == [entry for entry in shown if entry.item >= 0]


@given(turns())
def test_a_base_expands_to_the_entries_it_condensed(shown):
    assert list(expand(through_msgpack(condense(shown)))) == shown


def deltas(*texts: str) -> list[Entry]:
    offsets = [len("".join(texts[:position])) for position in range(len(texts))]
    return [
        Entry(3, Kind.OPEN_MESSAGE, 0),
        *(Entry(5 + n, Kind.TEXT, 0, text, offsets[n]) for n, text in enumerate(texts)),
    ]


def test_deltas_that_follow_each_other_share_a_row_of_the_trace():
    assert trace(deltas("a", "bc", "😀")) == [[3, Kind.OPEN_MESSAGE, 0, 0], [5, Kind.TEXT, 0, 1, 2, 1]]  # fmt: skip


def test_an_offset_counts_characters_not_bytes():
    shown = deltas("😀é", "x")
    assert rebuild(trace(shown), contents(shown))[-1] == Entry(6, Kind.TEXT, 0, "x", 2)


def test_a_small_delta_takes_few_bytes():
    assert len(msgpack.packb(pack([Entry(500, Kind.TEXT, 0, "token", 3000)]))) <= 16


def test_a_delta_costs_a_trace_one_number_of_json():
    assert len(json.dumps(trace(deltas(*["words "] * 100)))) < 100 * 4


def test_merging_keeps_each_number_once_and_in_order():
    shown = deltas("a", "b")
    assert merge(shown[1:], shown[:2]) == tuple(shown)
