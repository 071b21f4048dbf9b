"""The life of a turn, one step after the other."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import turns
from conversations.models import Message, Turn
from tests.integration.turns.conftest import answer

pytestmark = pytest.mark.django_db(transaction=True)


def statements(queries: CaptureQueriesContext) -> int:
    """Without what opens and closes transactions."""
    return sum(not query["sql"].startswith(("BEGIN", "COMMIT")) for query in queries)


def test_an_accepted_message_is_claimed_answered_and_ended(say, claim, finish, conversation):
    say("What is two and two?")
    claimed = claim()
    ended = finish(claimed, messages=[answer(claimed, "Four.")], last_event=11)
    conversation.refresh_from_db()
    texts = [message.text for message in Message.objects.order_by("number")]
    assert texts == ["What is two and two?", "Four."]
    assert (ended.state, ended.version, ended.last_event) == ("completed", 2, 11)
    assert (conversation.version, conversation.open_turns) == (2, 0)


def test_a_turn_without_tools_takes_eight_statements_and_three_commits(say, claim, finish):
    with CaptureQueriesContext(connection) as accepting:
        say(idempotency_key="k")
    with CaptureQueriesContext(connection) as claiming:
        claimed = claim()
    with CaptureQueriesContext(connection) as ending:
        finish(claimed, messages=[answer(claimed)])
    assert [statements(each) for each in (accepting, claiming, ending)] == [2, 3, 3]


def test_what_a_turn_used_and_when_it_was_heard_first_is_kept(say, claim, finish):
    say()
    claimed = claim()
    ended = finish(claimed, usage={}, first_token=claimed.created)
    turn = Turn.objects.get()
    assert (turn.usage, turn.first_token, ended.usage) == ({}, claimed.created, {})


def test_a_second_end_does_nothing(say, claim, finish):
    say()
    claimed = claim()
    assert finish(claimed)
    assert finish(claimed) is None


def test_turns_are_answered_in_their_order(say, claim, finish):
    numbers = [say(text).turn.number for text in ("first", "second", "third")]
    claimed = []
    while (one := claim()) is not None:
        claimed.append(one.number)
        finish(one)
    assert claimed == numbers == [0, 1, 2]


def test_a_failed_turn_says_why_and_keeps_what_people_saw_from_the_model(say, claim, finish):
    say()
    claimed = claim()
    error = {"code": "provider_timeout", "message": "It took too long."}
    partial = answer(claimed, "Well, I", retracted=True)
    assert finish(claimed, "failed", error=error, messages=[partial]).error == error
    assert Message.objects.get(retracted=True).text == "Well, I"


def test_a_partial_that_was_stored_already_is_not_stored_again(say, claim, finish, append):
    say()
    claimed = claim()
    append(claimed, [answer(claimed, "Four.")])
    assert finish(claimed, "failed", messages=[answer(claimed, "Fo", retracted=True)])
    assert Message.objects.get(step=1).text == "Four."


def test_only_who_holds_the_claim_is_told_of_a_cancel_at_a_look(say, claim):
    say()
    claimed = claim()
    turns.cancel(claimed.turn_id)
    look = turns.watch([claimed.turn_id])[claimed.turn_id]
    assert look == ("running", claimed.token, "cancel")


def test_a_deleted_turn_is_missing_at_a_look(say, claim, conversation):
    say()
    claimed = claim()
    conversation.delete()
    assert turns.watch([claimed.turn_id]) == {}
