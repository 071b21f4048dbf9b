"""Every store that the settings name, and a conversation in it with a turn that runs."""

import uuid

import pytest
from django.conf import settings as site
from django.core.cache import caches

from conversations.models import Conversation, Turn
from conversations.stores import hot, store


@pytest.fixture(autouse=True)
def _no_copies(redis_client, monkeypatch):
    monkeypatch.setattr(hot, "_rests_until", 0.0)
    yield
    caches.close_all()


@pytest.fixture(params=sorted(site.STORES))
def store_under_test(request):
    made = store(request.param)
    needed = request.node.get_closest_marker("needs")
    if needed and needed.args[0] not in made.keeps:
        pytest.skip(f"{request.param} does not keep {needed.args[0]}")
    return made


@pytest.fixture
def handle(conversation, store_under_test):
    store_under_test.create(conversation.id)
    return conversation.id


@pytest.fixture
def begin(conversation):
    """Begin another turn of the conversation; the one that ran has ended."""

    def begin_turn(where=conversation):
        Turn.objects.filter(state=Turn.State.RUNNING).update(state=Turn.State.COMPLETED)
        return Turn.objects.create(
            conversation=where,
            owner=conversation.owner,
            number=Turn.objects.count(),
            state=Turn.State.RUNNING,
            pool="default",
            input=[],
            attempt=1,
            claim_token=uuid.uuid4(),
        )

    return begin_turn


@pytest.fixture
def turn(begin):
    return begin()


@pytest.fixture
def another_conversation(owner):
    return Conversation.objects.create(owner=owner, agent="demo")
