"""Cancelling what is queued, runs, waits or is over; it is harmless however often it comes."""

import pytest

from conversations import turns
from conversations.models import Conversation, Message, Turn
from conversations.showing import snapshots
from conversations.stores import store_for
from conversations.stores.base import Fence, Key, NewMessage, Snapshot
from conversations.traces import beginning
from conversations.turns.cancellation import stop

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = [{"type": "message", "role": "user", "content": "Hello"}]
SAID = '{"kind": "response", "parts": [{"part_kind": "text", "content": "Hi"}]}'
TRACE = [[3, 2, 0, 0], [5, 3, 0, 1, 1], [7, 4, 0, 0]]  # a message that came in two deltas


@pytest.fixture
def turn(conversation, owner):
    return turns.accept(conversation.id, owner.id, HELLO).turn


@pytest.fixture
def waiting(turn, conversation, worker_row):
    """It said something, and waits for a person."""
    claim = turns.claim(conversation.id, worker_row.id, pool="default")
    snapshot = Snapshot(conversation.id, claim.version)
    said = NewMessage(Key(turn.pk, 1, 1), "response", SAID, TRACE)
    turns.checkpoint(store_for("demo"), snapshot, [said], fence=Fence(turn.pk, claim.token))
    Turn.objects.update(state=Turn.State.WAITING)
    return turn


def test_a_queued_turn_ends_at_once_and_only_once(turn):
    assert [turns.cancel(turn.pk) for _ in range(3)] == ["cancelled"] * 3
    assert Conversation.objects.get().version == 1
    assert Message.objects.get().retracted


def test_a_rollback_after_a_cancel_answers_the_true_state(turn):
    turns.cancel(turn.pk)
    assert turns.cancel(turn.pk, rollback=True) == "cancelled"


def test_a_waiting_turn_ends_at_once_and_frees_the_conversation(waiting, conversation, owner):
    assert [turns.cancel(waiting.pk) for _ in range(2)] == ["cancelled"] * 2
    assert turns.accept(conversation.id, owner.id, HELLO, policy="reject").position == 0


@pytest.mark.usefixtures("any_store")
def test_the_end_of_a_waiting_turn_comes_after_all_that_it_showed(waiting, conversation):
    turns.cancel(waiting.pk)
    [view] = snapshots.picture(conversation.pk).turns
    assert [entry.number for entry in view.entries] == [0, 2, 3, 5, 6, 7, 10]
    assert Turn.objects.get().last_event == 10


def test_the_end_comes_after_what_a_lost_transcript_may_have_shown(
    redis_store, waiting, conversation
):
    redis_store.flushdb()
    turns.cancel(waiting.pk)
    [view] = snapshots.picture(conversation.pk).turns
    assert [entry.number for entry in view.entries] == [0, 2, beginning(2)]


@pytest.mark.usefixtures("any_store")
def test_a_waiting_turn_that_is_rolled_back_leaves_the_transcript(waiting):
    assert turns.cancel(waiting.pk, rollback=True) == "rolled_back"
    assert not Message.objects.filter(retracted=False).exists()


def test_a_reply_that_came_first_wins(turn, conversation, worker_row):
    claim = turns.claim(conversation.id, worker_row.id, pool="default")
    turns.end(turn.pk, turns.Outcome(state=Turn.State.COMPLETED), token=claim.token)
    assert turns.cancel(turn.pk) == "completed"
    assert Turn.objects.get().cancel_requested == "none"


@pytest.fixture
def steered(say, claim):
    """The claim of a turn to which more input came."""
    say()
    held = claim()
    stop(Turn.objects.get(), Turn.CancelRequest.STEER)
    return held


@pytest.mark.parametrize(("state", "code"), [("completed", None), ("cancelled", "steered")])
def test_who_was_steered_says_so_unless_the_reply_was_complete(steered, finish, state, code):
    error = finish(steered, state).error
    assert (error and error["code"]) == code


def test_who_was_steered_and_handed_back_is_only_to_be_ended(steered, claim):
    turns.hand_back(steered.turn_id, steered.token)
    assert claim().ending.state == "cancelled"


def test_the_calls_of_the_response_that_asks_are_answered_and_none_before_it(say, claim):
    say()
    held = claim()
    key = (held.turn_id, held.token, 1, "look")
    turns.start_tool(*key, tool="look", arguments={})
    turns.finish_tool(*key, {"returned": {"return_value": "seen"}})
    asked = turns.Asked(step=2, call_id="pay", tool="pay", arguments={}, item=1)
    turns.wait(held.turn_id, held.token, [asked], seconds=60)
    turns.cancel(held.turn_id)
    assert [part["tool_name"] for part in Message.objects.get(step=3).payload["parts"]] == ["pay"]
