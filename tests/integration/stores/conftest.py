"""Every store that the settings name, and a conversation in it with a turn that runs."""

import uuid

import pytest
from django.conf import settings as site
from django.core.cache import caches

from conversations.models import Conversation, Turn
from conversations.stores import dynamo, hot, mongo, store
from conversations.stores.sealed import SealedStore
from tests.integration.stores import elsewhere


@pytest.fixture(autouse=True)
def _no_copies(redis_client, monkeypatch):
    monkeypatch.setattr(hot, "_rests_until", 0.0)
    yield
    caches.close_all()


@pytest.fixture(scope="session")
def mongodb_server():
    with elsewhere.mongodb() as address:
        yield address


@pytest.fixture(scope="session")
def dynamodb_server():
    with elsewhere.dynamodb() as address:
        yield address


@pytest.fixture
def mongodb(mongodb_server, settings, monkeypatch):
    settings.MONGODB_URL = mongodb_server
    monkeypatch.setattr(mongo, "TIMEOUT", 10_000)  # a busy machine is not what is tested
    mongo.collection.cache_clear()
    mongo.collection().drop()
    yield
    mongo.collection().database.client.close()


@pytest.fixture
def dynamodb(dynamodb_server, settings, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setattr(dynamo, "TIMEOUT", 10)
    settings.DYNAMODB_ENDPOINT, settings.DYNAMODB_TABLE = dynamodb_server, "contents"
    dynamo.table.cache_clear()
    elsewhere.make_table(dynamo.table())
    yield
    dynamo.table().delete()


@pytest.fixture(params=sorted({**site.STORES, **elsewhere.MADE}))
def store_under_test(request, owner, settings):
    """A store as the settings make it; the client of the sealed one is the test."""
    settings.STORES = {**settings.STORES, **elsewhere.MADE}
    if request.param in elsewhere.MADE:
        request.getfixturevalue(request.param)
    made = store(request.param)
    if isinstance(made, SealedStore):
        made = SealedStore({}, owner_id=owner.pk, agent="carried")
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
