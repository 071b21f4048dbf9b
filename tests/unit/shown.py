"""Turns as they might have been shown: entries of any sequence of items, for properties."""

from uuid import UUID

from hypothesis import strategies as st

from conversations.facts import TurnFacts
from conversations.traces import Entry, Kind, opening

FACTS = TurnFacts(UUID(int=1), UUID(int=2), "demo", 1_790_000_000, {"key": "value"})
END = {"status": "completed", "output": [], "usage": None, "error": None, "completed_at": 2}

# Any characters that PostgreSQL and UTF-8 know: neither NUL nor half a surrogate pair.
words = st.text(
    st.one_of(st.characters(exclude_characters="\0", codec="utf-8"), st.sampled_from("é😀👩‍💻")),
    min_size=1,
)
statuses = st.sampled_from(["completed", "incomplete"])


@st.composite
def turns(draw: st.DrawFn, first: int = 3) -> list[Entry]:
    """The entries of a claimed turn; its items may overlap, stay open, and leave a gap."""
    shown = list(opening(FACTS))
    unfinished: dict[int, list[str]] = {}
    number, items = first, 0
    for _ in range(draw(st.integers(0, 12))):
        item = draw(st.sampled_from([*unfinished, items]))
        entry = (
            _continue(draw, number, item, unfinished)
            if item in unfinished
            else _begin(draw, number, item, unfinished)
        )
        shown.append(entry)
        items += item == items
        number = entry.following + draw(st.sampled_from([0, 0, 0, 0, 1 << 20]))
    if not unfinished and draw(st.booleans()):
        shown.append(Entry(number, Kind.END, data=END))
    return shown


def _begin(draw: st.DrawFn, number: int, item: int, unfinished: dict[int, list[str]]) -> Entry:
    kind = draw(st.sampled_from([Kind.OPEN_MESSAGE, Kind.OPEN_CALL, Kind.TOOL_OUTPUT]))
    if kind is Kind.TOOL_OUTPUT:
        return Entry(number, kind, item, [draw(st.integers(0, 20)), draw(words), draw(statuses)])
    held = [] if kind is Kind.OPEN_MESSAGE else [draw(words), draw(words)]
    unfinished[item] = [*held, ""]
    return Entry(number, kind, item, held or None)


def _continue(draw: st.DrawFn, number: int, item: int, unfinished: dict[int, list[str]]) -> Entry:
    is_call = len(unfinished[item]) == 3
    if draw(st.integers(0, 3)):
        delta, offset = draw(words), len(unfinished[item][-1])
        unfinished[item][-1] += delta
        return Entry(number, Kind.ARGUMENTS if is_call else Kind.TEXT, item, delta, offset)
    data = [*unfinished.pop(item), draw(statuses)]
    return Entry(number, Kind.CLOSE_CALL if is_call else Kind.CLOSE_MESSAGE, item, data)
