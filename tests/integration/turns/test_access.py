"""What is another's, or not to be stored, is not there for a request."""

import pytest

from conversations import access, placing, protocol, turns
from conversations.errors import NotFound, PreviousNotFound
from conversations.models import Conversation
from conversations.placing import Order


def is_there(look, user, key) -> bool:
    try:
        return look(user, key).pk == key
    except NotFound:
        return False


def test_nothing_is_there_for_anybody_else(say, conversation, owner, django_user_model):
    eve, turn = django_user_model.objects.create_user("eve"), say().turn
    for user, found in ((owner, True), (eve, False)):
        assert is_there(access.conversation, user, conversation.pk) == found
        assert is_there(access.turn, user, turn.pk) == found
        assert access.turns(user, [turn.pk]).exists() == found
        assert access.conversations(user).exists() == found


def test_what_is_not_stored_is_there_until_it_has_its_outcome(say, conversation, owner):
    turn = say().turn
    Conversation.objects.update(stored=False)
    assert not is_there(access.conversation, owner, conversation.pk)
    assert not access.conversations(owner).exists()
    assert not access.turns(owner, [turn.pk]).exists()
    assert is_there(access.turn, owner, turn.pk)
    turns.cancel(turn.pk)
    assert not is_there(access.turn, owner, turn.pk)


@pytest.mark.parametrize("changed", ["rolled back", "not stored"])
def test_nobody_goes_on_from_what_no_model_is_to_be_told_again(say, owner, changed):
    turn = say().turn
    if changed == "rolled back":
        turns.cancel(turn.pk, rollback=True)
        assert not access.turns(owner, [turn.pk]).exists()
    else:
        Conversation.objects.update(stored=False)
    order = Order(user=owner, items=[protocol.user_message("on")], previous=turn.pk)
    with pytest.raises(PreviousNotFound):
        placing.place(order)
