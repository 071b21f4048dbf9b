"""A turn whose worker died in its first item and in its tool call, as entries."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from conversations.protocol import TurnFacts, ending
from conversations.traces import Entry, Kind

FACTS = TurnFacts(
    id=UUID("01990000-0000-7000-8000-00000000000a"),
    conversation_id=UUID("01990000-0000-7000-8000-00000000000b"),
    agent="demo",
    created=1_800_000_000,
    request={"metadata": {"topic": "weather"}, "conversation": True},
)
USAGE = {"input_tokens": 12, "output_tokens": 7, "cache_read_tokens": 3}
FINISHED = datetime.fromtimestamp(1_800_000_009, UTC)

SHOWN = [
    (Kind.START, -1, None, 0),
    (Kind.IN_PROGRESS, -1, None, 0),
    (Kind.OPEN_MESSAGE, 0, None, 0),
    (Kind.TEXT, 0, "I shall", 0),
    (Kind.CLOSE_MESSAGE, 0, ["I shall", "incomplete"], 0),
    (Kind.OPEN_CALL, 1, ["call_a", "weather"], 0),
    (Kind.ARGUMENTS, 1, '{"town": ', 0),
    (Kind.ARGUMENTS, 1, '"Ulm"}', 9),
    (Kind.CLOSE_CALL, 1, ["call_a", "weather", '{"town": "Ulm"}', "completed"], 0),
    (Kind.TOOL_OUTPUT, 2, [1, "12 °C", "completed"], 0),
    (Kind.OPEN_MESSAGE, 3, None, 0),
    (Kind.TEXT, 3, "It is 12 °C", 0),
    (Kind.TEXT, 3, " in Ulm 🌧", 11),
    (Kind.CLOSE_MESSAGE, 3, ["It is 12 °C in Ulm 🌧", "completed"], 0),
]


def entries() -> list[Entry]:
    """The turn so far, without its end."""
    numbered: list[Entry] = []
    for kind, item, data, offset in SHOWN:
        number = numbered[-1].following if numbered else 0
        numbered.append(Entry(number, kind, item, data, offset))
    return numbered


@dataclass
class Outcome:
    state: str
    last_event: int
    error: dict | None = None
    usage: dict | None = field(default_factory=USAGE.copy)
    finished: datetime = FINISHED
    notices: tuple = ()


def ended(state: str, error: dict | None = None) -> list[Entry]:
    """The whole turn."""
    shown = entries()
    return [*shown, ending(FACTS, shown, Outcome(state, shown[-1].following, error))]
