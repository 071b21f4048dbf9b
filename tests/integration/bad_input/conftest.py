"""People of every kind, and what belongs to each."""

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client

from conversations import turns
from conversations.models import Conversation


def person(name, **fields):
    return get_user_model().objects.create_user(name, password="a long passphrase", **fields)


class Browser(Client):
    """Is told a fault of the site as people would see it; no request spoils the next."""

    def __init__(self, user):
        super().__init__(raise_request_exception=False)
        self.force_login(user)

    def try_to(self, method, *args, **kwargs):
        """The answer to a request of which the database keeps nothing."""
        savepoint = transaction.savepoint()
        try:
            return getattr(self, method)(*args, **kwargs)
        finally:
            transaction.savepoint_rollback(savepoint)


@pytest.fixture
def owner(db):
    """Nothing here is committed, so that a test of a hundred costs little."""
    return person("ada")


@pytest.fixture
def browser(owner):
    return Browser(owner)


@pytest.fixture
def staff_browser(db):
    return Browser(person("grace", is_staff=True, is_superuser=True))


@pytest.fixture
def theirs(db) -> Conversation:
    """The conversation of somebody else, with a turn in it."""
    eve = person("eve")
    conversation = Conversation.objects.create(owner=eve, agent="demo", title="Eve's own")
    turns.accept(conversation.pk, eve.pk, [{}])
    return conversation
