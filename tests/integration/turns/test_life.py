"""The life of a turn, one step after the other."""

import pytest

from conversations import turns
from conversations.models import Message, Turn

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = [{"type": "message", "role": "user", "content": "Hello"}]


def test_an_accepted_message_is_claimed_and_ended(conversation, owner, worker_row):
    accepted = turns.accept(conversation.id, owner.id, HELLO)
    claim = turns.claim(conversation.id, worker_row.id, pool="default")
    ended = turns.end(claim.turn_id, turns.Outcome(state=Turn.State.COMPLETED), token=claim.token)
    conversation.refresh_from_db()
    assert accepted.turn.number == 0
    assert ended.state == "completed"
    assert conversation.open_turns == 0
    assert Message.objects.get().text == "Hello"
