"""How a turn was shown: entries, and the trace that rebuilds them from stored messages.

An entry is what the log of a turn holds and the channel layer carries; `protocol.events` makes
the clients' events from it. One entry stands for `SPAN[kind]` events with consecutive numbers.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Kind(IntEnum):
    """What an entry shows; the numbers are stored, so they never change."""

    START = 0  # created, queued; data: the turn's facts
    IN_PROGRESS = 1
    OPEN_MESSAGE = 2  # output_item.added, content_part.added
    TEXT = 3  # output_text.delta; data: str
    CLOSE_MESSAGE = 4  # output_text.done, content_part.done, output_item.done; data: [text, status]
    OPEN_CALL = 5  # output_item.added of a function call; data: [call_id, name]
    ARGUMENTS = 6  # function_call_arguments.delta; data: str
    CLOSE_CALL = 7  # function_call_arguments.done, output_item.done; data: [call_id, name, arguments, status]
    TOOL_OUTPUT = 8  # output_item.added, .done of a function call's output; data: [call_id, output]
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
