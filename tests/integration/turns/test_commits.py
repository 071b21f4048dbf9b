"""PostgreSQL that goes away for a moment."""

import pytest
from django.db import OperationalError, connection, transaction

from conversations.errors import StoreAway
from conversations.turns.commits import settled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _new_connection(transactional_db):
    yield
    connection.close()


def break_the_connection(*_) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_deed_is_done_again_on_a_new_connection_and_told_so():
    told = []

    def deed(again: bool) -> str:
        told.append(again)
        if not again:
            break_the_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'done'")
            return cursor.fetchone()[0]

    assert settled(deed) == "done"
    assert told == [False, True]


def test_within_a_transaction_of_the_caller_nothing_is_tried_again():
    told = []

    def deed(again: bool) -> None:
        told.append(again)
        break_the_connection()

    with pytest.raises(OperationalError), transaction.atomic():
        settled(deed)
    assert told == [False]


def test_patience_has_an_end(monkeypatch):
    monkeypatch.setattr("conversations.turns.commits.PATIENCE", 0.1)
    with pytest.raises(OperationalError):
        settled(break_the_connection)


def test_the_place_of_another_store_is_not_waited_for():
    told = []

    def deed(again: bool) -> None:
        told.append(again)
        raise StoreAway("no route")

    with pytest.raises(StoreAway):
        settled(deed)
    assert told == [False]
