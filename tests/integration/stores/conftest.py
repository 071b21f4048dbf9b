"""Every store that the settings name, and a conversation in it with a turn that runs."""

import uuid

import pytest
from django.conf import settings as site
from django.core.cache import caches
from django.utils.module_loading import import_string

from conversations import stores
from conversations.models import Conversation, Turn
from conversations.stores import dynamo, hot, mongo
from conversations.stores.sealed import SealedStore
from tests.integration.stores import elsewhere


@pytest.fixture(autouse=True)
def _no_copies(redis_client, monkeypatch):
    monkeypatch.setattr(hot, "_rests_until", 0.0)
    yield
    caches.close_all()


@pytest.fixture(scope="package")
def mongodb_server():
    with elsewhere.mongodb() as address:
        yield address


@pytest.fixture(scope="package")
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


CLUSTERED = {f"{name} on a cluster": site.STORES[name] for name in ("hybrid", "redis")}


def pytest_generate_tests(metafunc):
    """A test of any store is made for each that keeps what the test `needs`."""
    if "store_under_test" in metafunc.fixturenames:
        paths = {**site.STORES, **elsewhere.MADE, **CLUSTERED}
        needs = {one.args[0] for one in metafunc.definition.iter_markers("needs")}
        able = [name for name in sorted(paths) if needs <= import_string(paths[name]).keeps]
        metafunc.parametrize("store_under_test", able, indirect=True)


@pytest.fixture
def store_under_test(request, owner, settings):
    """A store as the settings make it; the client of the sealed one is the test."""
    settings.STORES = {**settings.STORES, **elsewhere.MADE}
    if request.param in elsewhere.MADE:
        request.getfixturevalue(request.param)
    if request.param == "sealed":
        return SealedStore({}, owner_id=owner.pk, agent="carried")
    if request.param in CLUSTERED:
        request.getfixturevalue("cluster")
    return stores.store(request.param.partition(" ")[0])


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
