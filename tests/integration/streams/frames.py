"""Small frames with coherent numbers and offsets."""

from conversations.traces import Entry, Kind


def opened_message(number: int = 3, item: int = 0) -> list[Entry]:
    return [Entry(number, Kind.OPEN_MESSAGE, item)]


def text(number: int, delta: str = "word ", offset: int = 0, item: int = 0) -> list[Entry]:
    return [Entry(number, Kind.TEXT, item, delta, offset)]


def words(first: int, count: int) -> list[Entry]:
    """`count` deltas of five characters, the first with number `first`."""
    return [text(first + n, offset=5 * n)[0] for n in range(count)]
