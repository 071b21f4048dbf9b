"""After a test its rows are gone, and what `migrate` wrote is not."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from conversations import protocol, turns
from tests import emptying
from tests.integration.turns.test_placing import waiting
from tests.waiting import eventually

KEPT = {"ContentType", "Permission"}


def with_rows() -> set[str]:
    tables = [model for model in apps.get_models() if model._meta.managed]
    return {model.__name__ for model in tables if model.objects.exists()}


@pytest.mark.parametrize("large", [0, emptying.LARGE])
def test_nothing_of_a_test_is_left(conversation, owner, worker_row, monkeypatch, large):
    monkeypatch.setattr(emptying, "LARGE", large)
    turns.accept(conversation.id, owner.id, [protocol.user_message("Hello")])
    assert with_rows() >= KEPT | {"User", "Conversation", "Turn", "WorkerProcess"}
    emptying.empty()
    assert with_rows() == KEPT


def test_who_still_writes_is_waited_for(transactional_db):
    def cleared():
        try:
            emptying.empty()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            get_user_model().objects.create_user("ada")
            clearing = pool.submit(cleared)
            eventually(lambda: waiting() == 1)
        clearing.result()
    assert with_rows() == KEPT
