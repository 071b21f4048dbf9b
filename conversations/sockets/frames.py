"""The frames that a browser may send; `parse` refuses everything else by a typed InvalidFrame.

Pure. Ids stay opaque text here: what they name is for `access` to find.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import Any, NoReturn, cast

from conversations.errors import (
    ConversationError,
    InvalidFrame,
    InvalidJson,
    InvalidValue,
    MissingField,
    TooLarge,
    UnknownType,
    VersionConflict,
)

FRAME_LIMIT = 65_536  # bytes; the server itself closes with 1009 above it
INPUT_LIMIT = 60_000  # bytes of UTF-8, so that a frame has room for its other fields
ID_LIMIT = 200  # characters
NUMBER_LIMIT = 2**53  # whole numbers below it are exact in a browser
POLICIES = ("enqueue", "reject", "interrupt", "rollback")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event that a client has seen."""

    response_id: str
    sequence_number: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client shows: its first response, its last, and how many from the one to the other."""

    first: str
    last: str
    count: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Show me the conversation: what came after the cursor, or a snapshot."""

    cursor: Cursor | None
    shown: Shown | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Answer this input."""

    idempotency_key: str
    input: str
    policy: str | None = None  # the conversation's
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call that waits: leave to make it, or a refusal; its result or a word why."""

    response_id: str
    call_id: str
    approved: bool
    output: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


Frame = Subscribe | Create | Cancel | Answer | Ping
Reader = Callable[[Any, str], Any]  # value and name of a field; raises InvalidValue


def parse(text: str) -> Frame:
    """The frame in a client's text. Raises `errors.InvalidFrame`, mostly one of its kinds."""
    if len(text) > FRAME_LIMIT:
        raise TooLarge
    frame = _json(text)
    if not isinstance(frame, dict):
        raise InvalidFrame("A frame is an object.")
    if "type" not in frame:
        raise MissingField(param="type")
    kind = _text(frame.pop("type"), "type")
    if kind not in FRAMES:
        raise UnknownType(param="type")
    return cast("Frame", _build(FRAMES[kind], frame))


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError):  # the second: nested too deep
        raise InvalidJson from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and the infinities are not JSON


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # readers differ in which of two they believe
        raise ValueError
    return found


def _build(kind: type, values: Mapping[str, Any], *, within: str = "") -> Any:
    """An instance of the dataclass from exactly its fields; those with a default may be absent."""
    known = {field.name: field for field in fields(kind)}
    for name in values:
        if name not in known:
            raise InvalidFrame("There is no such field.", param=_printable(within + name))
    for name, field in known.items():
        if field.default is MISSING and name not in values:
            raise MissingField(param=within + name)
    return kind(**{name: READERS[name](value, within + name) for name, value in values.items()})


def _printable(name: str) -> str | None:
    """A client's own name for a field, if it can go back into an error."""
    return name if len(name) <= ID_LIMIT and name.isascii() and name.isprintable() else None


def _text(value: Any, name: str, *, limit: int = ID_LIMIT) -> str:
    if not isinstance(value, str):
        raise InvalidValue("This field is text.", param=name)
    if not value.strip():
        raise InvalidValue("This field must not be empty.", param=name)
    if "\0" in value or not _is_unicode(value):  # PostgreSQL can store neither
        raise InvalidValue("This text holds a NUL or half a character.", param=name)
    if len(value.encode()) > limit:
        raise TooLarge(f"At most {limit} bytes fit here.", param=name)
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _input(value: Any, name: str) -> str:
    return _text(value, name, limit=INPUT_LIMIT)


def _number(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value < NUMBER_LIMIT:  # bool is an int too
        raise InvalidValue("This field is a whole number from 0.", param=name)
    return value


def _verdict(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("This field is true or false.", param=name)
    return value


def _output(value: Any, name: str) -> str:
    return "" if value == "" else _input(value, name)


def _policy(value: Any, name: str) -> str:
    if value not in POLICIES:
        raise InvalidValue(f"This field is one of {', '.join(POLICIES)}.", param=name)
    return cast("str", value)


def _object(kind: type, value: Any, name: str) -> Any:
    """An instance of the dataclass, or None for null."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidValue("This field is an object or null.", param=name)
    return _build(kind, value, within=f"{name}.")


READERS: dict[str, Reader] = {
    **dict.fromkeys(("response_id", "call_id", "idempotency_key", "first", "last"), _text),
    **dict.fromkeys(("sequence_number", "expected_version", "count"), _number),
    "cursor": partial(_object, Cursor),
    "shown": partial(_object, Shown),
    "input": _input,
    "policy": _policy,
    "approved": _verdict,
    "output": _output,
}
FRAMES: dict[str, type] = {
    "subscribe": Subscribe,
    "response.create": Create,
    "response.cancel": Cancel,
    "response.answer": Answer,
    "ping": Ping,
}


def read(message: Mapping[str, Any]) -> Frame:
    """The frame in a message of the client. Raises `errors.InvalidFrame`."""
    if (text := message.get("text")) is None:
        raise InvalidFrame("A frame is text.")
    return parse(text)


def described(
    error: ConversationError, frame: Frame | None, message: Mapping[str, Any]
) -> dict[str, Any]:
    """The error as its sender sees it, with what the sender called the frame.

    `frame` is None where the client's message was refused unread or could not be read.
    """
    told: dict[str, Any] = {"type": "error", **error.told(), "param": error.param}
    if isinstance(error, VersionConflict):
        told["current"] = error.current
    if isinstance(frame, Create):
        told["idempotency_key"] = frame.idempotency_key
    elif isinstance(frame, Cancel | Answer):
        told["response_id"] = frame.response_id
    elif frame is None:
        told |= _key(message.get("text") or "")
    return told


def _key(text: str) -> dict[str, str]:
    """What names a create frame that was refused, so that its sender can tell which it was."""
    try:
        match _json(text):
            case {"type": "response.create", "idempotency_key": key}:
                return {"idempotency_key": _text(key, "idempotency_key")}
    except InvalidFrame:
        pass
    return {}
