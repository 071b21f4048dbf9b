"""The turns of a fork, beside who works on the original."""

import psycopg
import pytest
from django.db import connection, transaction

from conversations import turns
from conversations.models import Conversation

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "SELECT FROM conversations_turn JOIN conversations_conversation AS conversation"
ON = "ON conversation.id = conversation_id"


def test_what_is_copied_can_be_answered_meanwhile_and_not_deleted(say, claim, finish, owner):
    """A turn that goes between two statements would leave a copy without what it said."""
    say()
    finish(claim())
    made = Conversation.objects.create(owner=owner, agent="demo")
    with transaction.atomic(), psycopg.connect(**connection.get_connection_params()) as other:
        turns.copy(Conversation.objects.exclude(pk=made.pk).get().pk, made.pk)
        other.execute(f"{ROWS} {ON} FOR NO KEY UPDATE NOWAIT")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(f"{ROWS} {ON} FOR UPDATE OF conversations_turn NOWAIT")
