"""What the redis store keeps, for how long, and what becomes of a conversation whose time is over."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from socket import create_server

import pytest
from django.db import connection, transaction
from django.db.models.signals import pre_delete

from conversations import exports, turns
from conversations.admin import transcript
from conversations.admin.parts import GONE
from conversations.errors import StoreAway, TranscriptGone
from conversations.models import Conversation, Message
from conversations.showing import snapshots
from conversations.stores import orphans
from conversations.stores import store as made
from conversations.turns import Outcome
from tests.integration.stores.messages import fence, said, texts
from tests.taps import Tap
from tests.waiting import GENEROUS


@pytest.fixture
def conversation(owner, settings):
    settings.AGENTS = {**settings.AGENTS, "demo": {**settings.AGENTS["demo"], "store": "redis"}}
    return Conversation.objects.create(owner=owner, agent="demo")


@pytest.fixture
def store():
    return made("redis")


@pytest.fixture
def begun(store, conversation, turn):
    return store.append(store.load(conversation.id), [said(turn, "one", step=1)])


@pytest.fixture
def ask(conversation, worker_row):
    """Send a message and claim it."""

    def claim():
        items = [{"type": "message", "role": "user", "content": "hello"}]
        asked = turns.accept(conversation.id, conversation.owner_id, items).turn
        return asked, turns.claim(conversation.id, worker_row.id, pool=asked.pool)

    return claim


def answer(asked, claim):
    outcome = Outcome(state="completed", messages=[said(asked, "hi", step=1)], last_event=9)
    return turns.end(claim.turn_id, outcome, token=claim.token)


def test_postgresql_has_a_bare_row_and_no_word(begun, turn):
    row = Message.objects.get(turn=turn)
    assert (row.payload, row.text, row.trace) == (None, "", [])


def test_both_keys_expire_and_use_puts_it_off(store, begun, redis_client, settings):
    for use in (store.load, store.extend, lambda handle: store.told(handle, [])):
        for key in redis_client.keys("*transcript*"):
            redis_client.expire(key, 1000)
        use(begun.handle)
        left = [redis_client.ttl(key) for key in redis_client.keys("*transcript*")]
        expected = 1000 if use.__name__ == "<lambda>" else settings.REDIS_STORE_LIFETIME
        assert left == [pytest.approx(expected, abs=GENEROUS)] * 2


def test_an_append_sends_what_is_new_and_nothing_else(store, begun, turn, settings):
    settings.REDIS_STORE_URL, address = "", settings.REDIS_STORE_URL
    with Tap(address) as tap:
        settings.REDIS_STORE_URL = tap.url
        long = store.append(begun, [said(turn, "x" * 50_000, step=2)])
        tap.clear()
        store.append(long, [said(turn, "short", step=3)])
        assert tap.bytes_sent < 1500


def test_a_transcript_that_has_expired_is_gone_and_not_begun_anew(store, begun, turn, redis_client):
    redis_client.flushall()
    with pytest.raises(TranscriptGone):
        store.load(begun.handle)
    with pytest.raises(TranscriptGone):
        store.append(begun, [said(turn, "two", step=2)], fence=fence(turn))
    assert Conversation.objects.get(pk=begun.handle).version == 1


def test_a_message_to_a_transcript_that_has_expired_fails_with_that_reason(ask, redis_client):
    answer(*ask())
    redis_client.flushall()
    _, claim = ask()
    assert claim.ending.error["code"] == "transcript_gone"
    ended = turns.end(claim.turn_id, claim.ending, token=claim.token)
    assert (ended.state, ended.error["code"]) == ("failed", "transcript_gone")


def test_a_reply_that_cannot_be_stored_any_more_has_failed(ask, redis_client):
    asked, claim = ask()
    redis_client.flushall()
    ended = answer(asked, claim)
    assert (ended.state, ended.error["code"]) == ("failed", "transcript_gone")


def test_the_page_says_which_answers_are_gone(ask, conversation, redis_client):
    answer(*ask())
    for is_gone in (False, True):
        picture = snapshots.picture(conversation.id)
        assert [view.gone for view in picture.turns] == [is_gone]
        [response] = snapshots.described(picture, {})["responses"]
        assert response.get("notices", []) == [snapshots.GONE] * is_gone
        redis_client.flushall()
    assert picture.turns[0].input[0]["content"] == "hello"  # the row of the turn has it


def test_a_retry_of_a_write_whose_commit_failed_is_one_write(store, begun, turn):
    with transaction.atomic():
        store.append(begun, [said(turn, "two", step=2)], fence=fence(turn))
        transaction.set_rollback(True)
    store.append(begun, [said(turn, "two", step=2)], fence=fence(turn))
    assert texts(store.load(begun.handle)) == ["one", "two"]


def test_a_put_that_comes_late_from_a_dead_transaction_is_refused(store, begun, turn):
    store.append(begun, [said(turn, "two", step=2)])
    late = Message.objects.order_by("pk").first().pk
    with pytest.raises(StoreAway):
        store.put(begun.handle, 1, late, ["[]\nzombie"])
    assert texts(store.load(begun.handle)) == ["one", "two"]


def test_a_reader_sees_whole_commits_while_others_write(store, begun, turn):
    def read(_):
        try:
            return len(store.load(begun.handle).messages)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reads = pool.map(read, range(12))
        snapshot = begun
        for step in range(2, 12, 2):
            pair = [said(turn, "a", step=step), said(turn, "b", step=step + 1)]
            snapshot = store.append(snapshot, pair)
        assert all(count % 2 == 1 for count in reads)


def test_a_redis_that_restarted_is_used_again_at_once(store, conversation, turn, own_redis):
    store.append(store.load(conversation.id), [said(turn, "one", step=1)])
    own_redis.stop()
    with pytest.raises(StoreAway):
        store.load(conversation.id)
    own_redis.start()
    with pytest.raises(TranscriptGone):  # it kept nothing on disk
        store.load(conversation.id)


@pytest.mark.usefixtures("site_timeouts")
def test_who_hangs_is_not_asked_twice_in_one_transaction(store, conversation, settings):
    """A server that has restarted says so at once; Sentinels that hang take their time each."""
    with ExitStack() as stack:
        silent = [stack.enter_context(create_server(("127.0.0.1", 0))) for _ in range(2)]
        hosts = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in silent)
        settings.REDIS_STORE_URL = f"redis+sentinel://{hosts}/main/0"
        with pytest.raises(StoreAway):
            store.extend(conversation.id)
        for each in silent:
            each.settimeout(0)
            each.accept()[0].close()
            with pytest.raises(BlockingIOError):
                each.accept()


def test_deleting_leaves_no_key(store, begun, redis_client):
    store.delete(begun.handle)
    assert redis_client.keys("*transcript*") == []


def test_the_admin_and_the_export_have_the_words_until_they_are_gone(
    ask, conversation, redis_client
):
    answer(*ask())
    conversation.refresh_from_db()
    for is_gone in (False, True):
        page = transcript.read(conversation)
        told = "".join(part.body for line in page.blocks[0].lines for part in line.parts)
        [exported] = json.loads("".join(exports.pieces([conversation])))["data"]
        assert (GONE in told, "hello" in told) == (is_gone, not is_gone)
        said_then = [message["text"] for message in exported["messages"]]
        assert said_then == (["", ""] if is_gone else ["hello", "hi"])
        redis_client.flushall()


def test_an_account_that_is_deleted_takes_its_words_along(store, begun, owner, redis_client):
    orphans.watch()
    try:
        owner.delete()
    finally:
        pre_delete.disconnect(sender=Conversation, dispatch_uid="contents")
    assert redis_client.keys("*transcript*") == []
