"""What was said elsewhere becomes turns; a turn with its outcome can be deleted."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import catalog, turns
from conversations.errors import NotFound, NotTheLast, ResponseInProgress, VersionConflict
from conversations.models import Conversation, Message, Turn
from conversations.stores import store_for

ADA = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "I am Ada"}]}
HELLO = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello Ada"}],
}


@pytest.fixture
def enter(conversation, owner):
    return lambda *items, **options: turns.enter(conversation.id, owner.id, items, **options)


def transcript(conversation):
    payloads = map(json.loads, store_for(conversation.agent).load(conversation.id).messages)
    return [(payload["kind"], payload["parts"][0]["content"]) for payload in payloads]


def test_each_message_is_a_completed_turn_and_the_model_sees_it(enter, conversation):
    entered = enter(ADA, HELLO)
    assert [turn.number for turn in entered] == [0, 1]
    assert {turn.state for turn in entered} == {Turn.State.COMPLETED}
    assert transcript(conversation) == [("request", "I am Ada"), ("response", "Hello Ada")]


def test_the_next_turn_comes_after_them(enter, say):
    enter(ADA, HELLO)
    assert say().turn.number == 2


def test_nothing_enters_while_something_is_answered(enter, say):
    say()
    with pytest.raises(ResponseInProgress):
        enter(ADA)
    assert Turn.objects.count() == 1


def test_nothing_enters_where_another_number_was_expected(enter):
    enter(ADA)
    with pytest.raises(NotTheLast):
        enter(HELLO, number=0)


def test_nothing_enters_where_another_version_was_expected(enter):
    [ada] = enter(ADA, expected_version=0)
    with pytest.raises(VersionConflict) as conflict:
        enter(HELLO, expected_version=0)
    assert conflict.value.current == ada.conversation.version
    assert Turn.objects.count() == 1


def test_nothing_enters_where_it_is_not_ones_own(conversation, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    with pytest.raises(NotFound):
        turns.enter(conversation.id, eve.id, [ADA])


def test_a_deleted_turn_leaves_no_row_and_no_word(enter, conversation):
    ada, _ = enter(ADA, HELLO)
    version = ada.conversation.version
    left = turns.delete(ada.pk)
    assert transcript(conversation) == [("response", "Hello Ada")]
    assert [message.text for message in Message.objects.all()] == ["Hello Ada"]
    assert left.version == Conversation.objects.get().version > version


def test_no_turn_is_deleted_while_something_is_answered(enter, say):
    [ada] = enter(ADA)
    say()
    with pytest.raises(ResponseInProgress):
        turns.delete(ada.pk)
    assert Turn.objects.count() == 2


def test_a_turn_is_accepted_only_under_the_number_that_it_was_to_have(say, claim, finish):
    assert say(number=0).turn.number == 0
    with pytest.raises(NotTheLast):
        say(number=0)
    assert say(number=1).turn.number == 1


DELETIONS = {
    "a conversation": lambda turn: catalog.delete(turn.conversation),
    "its last turn": catalog.delete_turn,
    "what is not to be stored": catalog.delete_unstored,
}


@pytest.mark.parametrize("deed", DELETIONS.values(), ids=list(DELETIONS))
def test_a_deletion_takes_the_lock_once(enter, deed):
    [turn] = enter(ADA)
    Conversation.objects.update(named=False, stored=False)
    with CaptureQueriesContext(connection) as queries:
        deed(turn)
    assert len([query for query in queries if " UPDATE" in query["sql"]]) == 1
    assert not Conversation.objects.exists()
