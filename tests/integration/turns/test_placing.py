"""Requests of programs that come at the same moment."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from conversations import placing, protocol
from conversations.models import Conversation, Turn
from conversations.placing import Order
from tests.integration.turns.test_entries import HELLO
from tests.waiting import eventually

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


def waiting():
    """How many connections wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees what it saw
        cursor.execute(WAITING)
        [count] = cursor.fetchone()
    return count


@pytest.mark.parametrize("expected", [None, 0])
def test_two_at_once_with_one_key_and_earlier_messages_are_one_turn(conversation, owner, expected):
    order = Order(
        user=owner,
        items=[HELLO, protocol.user_message("and?")],
        conversation=conversation.pk,
        key="once",
        expected_version=expected,
    )

    def place():
        try:
            return placing.place(order)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Conversation.objects.select_for_update().get()
            asked = [pool.submit(place) for _ in range(2)]
            eventually(lambda: waiting() == len(asked))
        placed = [one.result() for one in asked]
    assert sorted(one.repeated for one in placed) == [False, True]
    assert placed[0].turn == placed[1].turn
    assert Turn.objects.count() == 2  # what was said, and what is asked
