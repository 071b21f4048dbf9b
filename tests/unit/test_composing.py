"""What a turn shows is numbered once, in order, and held back until its commit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.composing import Composition
from conversations.traces import SPAN, Entry, Kind, contents, merge, opening, rebuild, trace
from tests.unit.shown import END, FACTS, words


@pytest.fixture
def composition():
    made = Composition()
    made.resume(opening(FACTS), 3, taken=2)
    return made


def test_deltas_of_one_item_become_one_entry(composition):
    item = composition.open_message()
    for delta in ("a", "b😀", "", "c"):
        composition.text(item, delta)
    assert composition.take() == [
        Entry(3, Kind.OPEN_MESSAGE, 0),
        Entry(5, Kind.TEXT, 0, "ab😀c"),
    ]
    assert not composition.waits


def test_a_taken_entry_grows_no_more(composition):
    item = composition.open_message()
    composition.text(item, "ab")
    composition.take()
    composition.text(item, "c")
    assert composition.take() == [Entry(6, Kind.TEXT, 0, "c", 2)]


def test_a_closing_is_numbered_before_its_commit_and_seen_after_it(composition):
    item = composition.open_message()
    composition.text(item, "ab")
    composition.close(item)
    assert composition.trace(item)[-1] == [6, Kind.CLOSE_MESSAGE, 0, 0]
    assert [entry.kind for entry in composition.take()] == [Kind.OPEN_MESSAGE, Kind.TEXT]
    assert not composition.waits
    composition.release()
    assert composition.take() == [Entry(6, Kind.CLOSE_MESSAGE, 0, ["ab", "completed"])]


def test_what_follows_something_held_waits_with_it(composition):
    composition.tool_output("id", "42")
    composition.text(composition.open_message(), "so")
    assert composition.take() == []
    composition.release()
    assert [entry.number for entry in composition.take()] == [3, 5, 7]


def called(composition, call_id, status="completed"):
    item = composition.open_call(call_id, "add")
    composition.close(item, status=status)
    return item


def answered(composition, call_id):
    """The item of the call that this output belongs to."""
    composition.tool_output(call_id, "42")
    return composition.entries[-1].data[0]


def test_an_id_that_comes_again_means_the_call_that_has_no_output_yet(composition):
    for _ in range(3):
        assert called(composition, "id") == answered(composition, "id")


def test_calls_of_one_id_get_their_outputs_in_order(composition):
    calls = [called(composition, "id"), called(composition, "id")]
    assert [answered(composition, "id") for _ in calls] == calls


def test_a_call_that_a_crash_cut_off_gets_no_output(composition):
    called(composition, "id", status="incomplete")
    again = Composition()
    again.resume(composition.entries, composition.next, taken=0)
    assert called(again, "id") == answered(again, "id")


def test_a_call_that_was_made_before_a_crash_gets_its_output_after_it(composition):
    item = called(composition, "id")
    again = Composition()
    again.resume(composition.entries, composition.next, taken=0)
    assert answered(again, "id") == item


def test_a_call_is_closed_with_its_arguments(composition):
    item = composition.open_call("id", "add")
    composition.arguments(item, '{"a":')
    composition.arguments(item, "1}")
    composition.close(item, status="incomplete")
    assert composition.entries[-1].data == ["id", "add", '{"a":1}', "incomplete"]


def test_the_end_takes_the_number_that_was_foretold(composition):
    composition.close(composition.open_message())
    composition.end(Entry(composition.next, Kind.END, data=END))
    composition.release()
    assert [entry.number for entry in composition.take()] == [3, 5, 8]


def test_an_end_with_another_number_is_refused(composition):
    with pytest.raises(AssertionError, match="the last event is 3"):
        composition.end(Entry(4, Kind.END, data=END))


def test_a_dead_attempts_item_is_closed_as_incomplete_and_the_next_index_opened(composition):
    shown = merge(opening(FACTS), [Entry(3, Kind.OPEN_MESSAGE, 0), Entry(5, Kind.TEXT, 0, "par")])
    composition.resume(shown, 6, taken=4)
    assert composition.unfinished == [0]
    composition.close(0, status="incomplete")
    assert composition.entries[-1] == Entry(6, Kind.CLOSE_MESSAGE, 0, ["par", "incomplete"])
    assert composition.open_message() == 1


def test_the_first_token_is_noted_once(composition):
    item = composition.open_message()
    composition.text(item, "")
    assert composition.first_token is None
    composition.text(item, "a")
    noted = composition.first_token
    composition.text(item, "b")
    assert noted is composition.first_token is not None


@given(st.lists(st.tuples(st.sampled_from(["text", "call", "take", "close"]), words)))
def test_numbers_are_consecutive_and_the_trace_tells_all(steps):
    composition = Composition()
    composition.resume(opening(FACTS), 3, taken=2)
    message = composition.open_message()
    for step, word in steps:
        if step == "text":
            composition.text(message, word)
        elif step == "call":
            composition.arguments(composition.open_call("id", "add"), word)
        elif step == "take":
            composition.take()
        else:
            composition.close(message)
            composition.release()
            message = composition.open_message()
    composition.take()
    numbers = [entry.number for entry in composition.entries]
    spans = [SPAN[entry.kind] for entry in composition.entries]
    assert numbers == [sum(spans[:position]) for position in range(len(spans))]
    shown = composition.entries[2:]
    assert rebuild(trace(shown), contents(shown)) == shown
