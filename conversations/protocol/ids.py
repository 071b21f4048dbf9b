"""Ids as clients see them: functions of the rows' ids, so that nobody has to store them."""

import re
from uuid import UUID

from conversations.errors import NotFound

LONGEST_INDEX = 9  # digits
INPUT_PREFIXES = {"function_call": "fc", "function_call_output": "fco"}
ITEM = re.compile(r"(?:msg|fc|fco)_([0-9a-f]{32})_(?:in(?:_\d{1,6})?|\d{1,6})")


def response_id(turn: UUID) -> str:
    return f"resp_{turn.hex}"


def conversation_id(conversation: UUID) -> str:
    return f"conv_{conversation.hex}"


def turn_id(response: str) -> UUID:
    """The turn that a client's response id names. Raises `NotFound`."""
    return _row(response, prefix="resp_")


def conversation_row(conversation: str) -> UUID:
    """The conversation that a client's id names. Raises `NotFound`."""
    return _row(conversation, prefix="conv_")


def message_id(turn: UUID, index: int) -> str:
    return f"msg_{turn.hex}_{index}"


def call_item_id(turn: UUID, index: int) -> str:
    return f"fc_{turn.hex}_{index}"


def call_id(turn: UUID, index: int) -> str:
    """What a call and its output have in common; `index` is the call's.

    Providers' own ids come again in the next step, or after a crash; clients want each once.
    """
    return f"call_{turn.hex}_{index}"


def call(text: str) -> tuple[UUID, int]:
    """The turn and the output_index that a client's call id names. Raises `NotFound`."""
    turn, _, index = text.rpartition("_")
    if not index.isascii() or not index.isdecimal() or len(index) > LONGEST_INDEX:
        raise NotFound
    return _row(turn, prefix="call_"), int(index)


def tool_output_id(turn: UUID, index: int) -> str:
    return f"fco_{turn.hex}_{index}"


def input_id(turn: UUID, position: int, kind: str = "message") -> str:
    """The id of one item of a turn's input; nearly every input is one message."""
    prefix = INPUT_PREFIXES.get(kind, "msg")
    return f"{prefix}_{turn.hex}_in" + (f"_{position}" if position else "")


def item_turn(item: str) -> UUID:
    """The turn of the item that a client's id names. Raises `NotFound`."""
    found = ITEM.fullmatch(item)
    if found is None:
        raise NotFound
    return UUID(hex=found[1])


def _row(text: str, *, prefix: str) -> UUID:
    digits = text.removeprefix(prefix)
    try:
        row = UUID(hex=digits)
    except ValueError:
        raise NotFound from None
    if text != prefix + row.hex:  # UUID also reads braces, dashes and capitals
        raise NotFound
    return row
