"""Hot copies spare reads, and are never believed against the rows."""

import pytest
from django.db import transaction
from structlog.testing import capture_logs

from conversations.stores import hot
from conversations.stores.hybrid import HybridStore
from tests.counting import counted
from tests.integration.redis_server import RedisServer
from tests.integration.stores.messages import said, texts
from tests.waiting import GENEROUS


@pytest.fixture
def store():
    return HybridStore()


@pytest.fixture
def begun(store, conversation, turn):
    """A transcript of one message, at version 1."""
    return store.append(store.load(conversation.id), [said(turn, "one", step=1)])


@pytest.fixture
def own_redis(tmp_path, settings, site_timeouts):
    """A server that the test may stop; role `cache` is on it."""
    server = RedisServer(tmp_path)
    server.start()
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url}}
    yield server
    server.stop()


def test_a_claim_reads_no_rows_where_there_is_a_copy(
    store, begun, turn, redis_client, django_assert_num_queries
):
    wrote = [said(turn, "two", step=2)]
    store.append(begun, wrote)
    with django_assert_num_queries(0):
        assert texts(store.resume(begun.handle, 1, wrote, 2)) == ["one", "two"]
    redis_client.flushall()
    with django_assert_num_queries(1):
        assert texts(store.resume(begun.handle, 1, wrote, 2)) == ["one", "two"]
    with django_assert_num_queries(0):
        store.resume(begun.handle, 1, wrote, 2)


def test_a_copy_of_the_base_version_is_completed_with_what_the_claim_wrote(store, begun, turn):
    copy = hot.read(begun.handle, 1)
    wrote = [said(turn, "two", step=2), said(turn, "hidden", step=3, retracted=True)]
    store.append(begun, wrote)
    hot.forget(begun.handle)
    hot.fill(begun.handle, copy)
    found = store.resume(begun.handle, 1, wrote, 2)
    assert (texts(found), found.version) == (["one", "two"], 2)


def test_it_is_counted_whether_there_was_a_copy(store, begun, redis_client):
    with counted("agentsite_cache_total", cache="transcript", result="hit"):
        store.load(begun.handle)
    redis_client.flushall()
    with counted("agentsite_cache_total", cache="transcript", result="miss"):
        store.load(begun.handle)


def test_a_load_reads_one_row_where_there_is_a_copy(store, begun, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert texts(store.load(begun.handle)) == ["one"]


def test_a_copy_that_missed_a_commit_is_dropped(store, begun, turn):
    old = hot.read(begun.handle, 1)
    second = store.append(begun, [said(turn, "two", step=2)])
    hot.forget(begun.handle)
    hot.fill(begun.handle, old)
    store.append(second, [said(turn, "three", step=3)])
    assert hot.read(begun.handle, 1, 2, 3) is None
    assert texts(store.load(begun.handle)) == ["one", "two", "three"]


def test_a_late_fill_does_not_replace_a_newer_copy(store, begun, turn):
    old = hot.read(begun.handle, 1)
    store.append(begun, [said(turn, "two", step=2)])
    assert hot.fill(begun.handle, old) == "kept"
    assert texts(hot.read(begun.handle, 2)) == ["one", "two"]


def test_a_retraction_leaves_no_copy_of_what_was_said(store, begun, turn):
    store.retract(begun, turn.id)
    assert hot.read(begun.handle, 1, 2) is None


def test_a_deleted_conversation_leaves_no_copy(store, begun, redis_client):
    store.delete(begun.handle)
    assert redis_client.keys("*:hot") == []


def test_a_copy_is_made_only_of_what_was_committed(store, conversation, turn, redis_client):
    with transaction.atomic():
        store.append(store.load(conversation.id), [said(turn, "phantom", step=1)])
        store.load(conversation.id)
        assert redis_client.keys("*:hot") == []
        transaction.set_rollback(True)
    assert redis_client.keys("*:hot") == []


def test_a_write_that_was_known_already_is_not_copied_again(store, begun, turn):
    old = hot.read(begun.handle, 1)
    store.append(begun, [said(turn, "two", step=2)])
    hot.forget(begun.handle)
    hot.fill(begun.handle, old)
    store.append(begun, [said(turn, "one", step=1)])
    assert hot.read(begun.handle, 2) is None


def test_a_copy_holds_the_newest_messages_only(store, begun, turn, monkeypatch):
    monkeypatch.setattr(hot, "MESSAGES", 3)
    snapshot = begun
    for step in range(2, 7):
        snapshot = store.append(snapshot, [said(turn, f"{step}", step=step)])
    copy = hot.read(begun.handle, 6, newest=3)
    assert (texts(copy), copy.earlier) == (["4", "5", "6"], 3)
    assert hot.read(begun.handle, 6) is hot.read(begun.handle, 6, newest=4) is None
    assert len(texts(store.load(begun.handle))) == 6


def test_a_copy_holds_as_many_messages_as_fit(store, begun, turn, monkeypatch):
    size = len(said(turn, "one", step=1).payload)
    monkeypatch.setattr(hot, "SIZE", 2 * size)
    second = store.append(begun, [said(turn, "two", step=2), said(turn, "dry", step=3)])
    assert texts(hot.read(begun.handle, 2, newest=2)) == ["two", "dry"]
    store.append(second, [said(turn, "long" * 100, step=4)])
    copy = hot.read(begun.handle, 3, newest=1)
    assert (len(copy.messages), copy.earlier) == (1, 3)


def test_a_copy_expires_and_use_puts_it_off(store, begun, redis_client):
    [key] = redis_client.keys("*:hot")
    for use in (store.load, store.extend):
        redis_client.expire(key, 1000)
        use(begun.handle)
        assert 3000 < redis_client.ttl(key) <= 3600


def test_a_dead_redis_fails_nothing(store, conversation, turn, own_redis):
    own_redis.stop()
    store.append(store.load(conversation.id), [said(turn, "one", step=1)])
    assert texts(store.load(conversation.id)) == ["one"]
    store.delete(conversation.id)


def test_a_hung_redis_delays_one_call_and_no_more(
    store, conversation, turn, own_redis, monkeypatch
):
    monkeypatch.setattr(hot, "REST", GENEROUS)
    store.load(conversation.id)
    own_redis.freeze()
    with capture_logs() as logs:
        snapshot = store.load(conversation.id)
        for step in range(1, 6):
            snapshot = store.append(snapshot, [said(turn, "on", step=step)])
    waited = [line["error"] for line in logs if line["event"] == "hot_copies_unavailable"]
    assert waited == ["TimeoutError"]
    assert texts(store.load(conversation.id)) == ["on"] * 5


def test_copies_are_used_again_once_redis_is_back(store, begun, own_redis, monkeypatch):
    own_redis.stop()
    store.load(begun.handle)
    own_redis.start()
    monkeypatch.setattr(hot, "_rests_until", 0.0)  # as time would
    store.load(begun.handle)
    assert texts(hot.read(begun.handle, 1)) == ["one"]
