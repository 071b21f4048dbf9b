"""Every frame that is not one of the protocol's is refused by its type and its field."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.errors import (
    InvalidFrame,
    InvalidJson,
    InvalidValue,
    MissingField,
    TooLarge,
    UnknownType,
)
from conversations.models import Policy
from conversations.sockets import frames
from conversations.sockets.frames import (
    Answer,
    Cancel,
    Create,
    Cursor,
    Ping,
    Shown,
    Subscribe,
    parse,
)

SEQUENCE = "cursor.sequence_number"
SHOWN = {"first": "r", "last": "s", "count": 2}
CREATE = {"type": "response.create", "idempotency_key": "k1", "input": "hello"}


def create(**fields):
    return json.dumps(CREATE | fields)


def subscribe(cursor, **fields):
    return json.dumps({"type": "subscribe", "cursor": cursor, **fields})


GOOD = [
    (subscribe(None), Subscribe(None)),
    (subscribe({"response_id": "r", "sequence_number": 0}), Subscribe(Cursor("r", 0))),
    (subscribe(None, shown=None), Subscribe(None)),
    (subscribe(None, shown=SHOWN), Subscribe(None, Shown("r", "s", 2))),
    (create(), Create("k1", "hello")),
    (create(policy="reject", expected_version=7), Create("k1", "hello", "reject", 7)),
    (create(input="日本 🌧\n"), Create("k1", "日本 🌧\n")),
    ('{"type": "response.cancel", "response_id": "r"}', Cancel("r")),
    (
        '{"type": "response.answer", "response_id": "r", "call_id": "c", "approved": false}',
        Answer("r", "c", approved=False),
    ),
    ('{"type": "ping"}', Ping()),
]

BAD = [
    ("", InvalidJson, None),
    ("{", InvalidJson, None),
    ("'ping'", InvalidJson, None),
    ('{"type": NaN}', InvalidJson, None),
    ('{"type": -Infinity}', InvalidJson, None),
    ("[" * 60_000, InvalidJson, None),
    ('{"a":' * 10_000, InvalidJson, None),
    ("9" * 5_000, InvalidJson, None),
    ('{"type": "ping", "type": "ping"}', InvalidJson, None),
    ("null", InvalidFrame, None),
    ("[]", InvalidFrame, None),
    ('"ping"', InvalidFrame, None),
    ("12345678901234567890", InvalidFrame, None),
    ("{}", MissingField, "type"),
    ('{"type": null}', InvalidValue, "type"),
    ('{"type": ["ping"]}', InvalidValue, "type"),
    ('{"type": {}}', InvalidValue, "type"),
    ('{"type": ""}', InvalidValue, "type"),
    ('{"type": "\\ud800"}', InvalidValue, "type"),
    ('{"type": "response.steer"}', UnknownType, "type"),
    ('{"type": "PING"}', UnknownType, "type"),
    ('{"type": "ping", "extra": 1}', InvalidFrame, "extra"),
    ('{"type": "ping", "\\ud800": 1}', InvalidFrame, None),
    (json.dumps({"type": "ping", "x" * 300: 1}), InvalidFrame, None),
    ('{"type": "ping", "cursor": ' + "[" * 900 + "]" * 900 + "}", InvalidFrame, "cursor"),
    ('{"type": "subscribe"}', MissingField, "cursor"),
    (subscribe("r"), InvalidValue, "cursor"),
    (subscribe([]), InvalidValue, "cursor"),
    (subscribe({}), MissingField, "cursor.response_id"),
    (subscribe({"response_id": "r"}), MissingField, "cursor.sequence_number"),
    (subscribe({"response_id": 1, "sequence_number": 1}), InvalidValue, "cursor.response_id"),
    (
        subscribe({"response_id": "r", "sequence_number": "1"}),
        InvalidValue,
        SEQUENCE,
    ),
    (subscribe({"response_id": "r", "sequence_number": -1}), InvalidValue, SEQUENCE),
    (subscribe({"response_id": "r", "sequence_number": 1.0}), InvalidValue, SEQUENCE),
    (subscribe({"response_id": "r", "sequence_number": True}), InvalidValue, SEQUENCE),
    (subscribe({"response_id": "r", "sequence_number": 10**400}), InvalidValue, SEQUENCE),
    (subscribe({"response_id": "r", "sequence_number": 1, "x": 1}), InvalidFrame, "cursor.x"),
    (subscribe(None, shown=2), InvalidValue, "shown"),
    (subscribe(None, shown={"first": "r", "last": "s"}), MissingField, "shown.count"),
    (subscribe(None, shown=SHOWN | {"count": -1}), InvalidValue, "shown.count"),
    (subscribe(None, shown=SHOWN | {"last": 1}), InvalidValue, "shown.last"),
    ('{"type": "response.create", "input": "x"}', MissingField, "idempotency_key"),
    ('{"type": "response.create", "idempotency_key": "x"}', MissingField, "input"),
    (create(input=""), InvalidValue, "input"),
    (create(input=" \n"), InvalidValue, "input"),
    (create(input=None), InvalidValue, "input"),
    (create(input=["hello"]), InvalidValue, "input"),
    (create(input="a\0b"), InvalidValue, "input"),
    (create(input="a\ud800b"), InvalidValue, "input"),
    (create(input="x" * 60_001), TooLarge, "input"),
    (create(input="x" * 70_000), TooLarge, None),
    (json.dumps(CREATE | {"input": "雨" * 20_001}, ensure_ascii=False), TooLarge, "input"),
    (create(idempotency_key=""), InvalidValue, "idempotency_key"),
    (create(idempotency_key=5), InvalidValue, "idempotency_key"),
    (create(idempotency_key="\0"), InvalidValue, "idempotency_key"),
    (create(idempotency_key="k" * 201), TooLarge, "idempotency_key"),
    (create(policy="later"), InvalidValue, "policy"),
    (create(policy=None), InvalidValue, "policy"),
    (create(policy=[]), InvalidValue, "policy"),
    (create(expected_version="7"), InvalidValue, "expected_version"),
    (create(expected_version=False), InvalidValue, "expected_version"),
    (create(expected_version=7.5), InvalidValue, "expected_version"),
    (create(metadata={}), InvalidFrame, "metadata"),
    ('{"type": "response.cancel"}', MissingField, "response_id"),
    ('{"type": "response.cancel", "response_id": null}', InvalidValue, "response_id"),
]


@pytest.mark.parametrize(("text", "frame"), GOOD)
def test_a_frame_of_the_protocol_is_read(text, frame):
    assert parse(text) == frame


@pytest.mark.parametrize(("text", "error", "param"), BAD, ids=[text[:40] for text, _, _ in BAD])
def test_any_other_frame_is_refused_by_its_type_and_field(text, error, param):
    with pytest.raises(InvalidFrame) as refused:
        parse(text)
    assert (type(refused.value), refused.value.param) == (error, param)


@pytest.mark.parametrize(("text", "_error", "_param"), BAD, ids=range(len(BAD)))
def test_an_error_can_itself_be_sent(text, _error, _param):
    with pytest.raises(InvalidFrame) as refused:
        parse(text)
    assert len(json.dumps([refused.value.message, refused.value.param]).encode()) < 500


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = ["type", "cursor", "shown", "input", "idempotency_key", "policy", "expected_version"]


@given(
    st.sampled_from([*frames.FRAMES, "other"]),
    st.dictionaries(st.sampled_from(FIELDS[1:]), ANYTHING),
)
def test_no_frame_raises_anything_but_the_typed_errors(kind, fields):
    with suppress(InvalidFrame):
        parse(json.dumps({"type": kind, **fields}))


@given(st.text())
def test_no_text_raises_anything_but_the_typed_errors(text):
    with suppress(InvalidFrame):
        parse(text)


def test_the_policies_are_those_of_turns():
    assert set(frames.POLICIES) == set(Policy.values)


def test_the_largest_input_fits_into_a_frame():
    largest = create(input="x" * frames.INPUT_LIMIT, idempotency_key="k" * frames.ID_LIMIT)
    assert len(largest) < frames.FRAME_LIMIT
    assert len(parse(largest).input) == frames.INPUT_LIMIT
