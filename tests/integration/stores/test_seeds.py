"""The faults of the texts that this site grew from: for each, what shows that it is not here."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from conversations.models import Conversation, Turn
from conversations.stores import store as made
from conversations.stores.base import Key, NewMessage
from tests.integration.stores.messages import said, texts
from tests.taps import Tap

TESTS = Path(__file__).parents[2]
SHOWN = {
    "a conflict asks the model again": (
        "integration/runner/test_conflicts.py",
        "test_a_conflict_at_a_checkpoint_asks_nobody_again",
    ),
    "a lock is deleted by whoever does not hold it, or expires while work goes on": (
        "integration/stores/test_keeping.py",
        "test_a_zombie_with_a_stale_snapshot_learns_that_it_is_fenced",
    ),
    "the cache is written before the database": (
        "integration/stores/test_hybrid.py",
        "test_a_copy_is_made_only_of_what_was_committed",
    ),
    "a warm-up overwrites what is newer": (
        "integration/stores/test_hybrid.py",
        "test_a_late_fill_does_not_replace_a_newer_copy",
    ),
    "a version begins anew when its key expires": (
        "integration/stores/test_redis.py",
        "test_a_transcript_that_has_expired_is_gone_and_not_begun_anew",
    ),
    "each process has a key of its own": (
        "unit/test_seals.py",
        "test_two_processes_with_the_same_key_open_each_others_states",
    ),
    "a state that cannot be read is a new conversation": (
        "integration/carried/test_door.py",
        "test_a_damaged_state_is_refused_and_no_conversation_begun",
    ),
    "what is not healthy answers 200": (
        "integration/agentsite/test_health.py",
        "test_a_replica_without_postgresql_is_not_ready",
    ),
}


@pytest.mark.parametrize(("file", "name"), SHOWN.values(), ids=SHOWN)
def test_a_test_elsewhere_shows_it(file, name):
    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["hybrid", "redis"])
def test_no_script_reads_what_was_said_however_deep_it_is(name, conversation, turn, redis_client):
    """Redis' cjson gives up at a depth of 1,000, for ever."""
    deep = json.dumps({"kind": "response", "parts": [json.loads("[" * 900 + "]" * 900)]})
    deep = deep.replace("[]", "[" * 200 + "]" * 200)
    store = made(name)
    before = store.load(conversation.id)
    if name == "redis":
        deep_message = NewMessage(key=Key(turn.id, 1, 1), kind="response", payload=deep)
        after = store.append(before, [deep_message])
        assert store.load(conversation.id).messages == (deep,)
        before = after
    store.append(before, [said(turn, "on", step=2)])
    assert texts(store.load(conversation.id, newest=1)) == ["on"]


@pytest.mark.parametrize("name", ["hybrid", "redis"])
def test_a_turn_in_a_long_conversation_costs_what_one_in_a_short_one_does(
    name, turn, another_conversation, begin, settings
):
    store, sent = made(name), []
    other = begin(another_conversation)
    with Tap(settings.REDIS_STORE_URL) as tap:
        settings.REDIS_STORE_URL = tap.url
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": tap.url}}
        for owner, length in ((turn, 10), (other, 1000)):
            history = [said(owner, "word " * 20, step=step) for step in range(length)]
            snapshot = store.append(store.load(owner.conversation_id), history)
            for step in (1, 2):
                tap.clear()
                snapshot = store.append(snapshot, [said(owner, "more", step=length + step)])
            sent.append(tap.bytes_sent)
    assert sent[1] == pytest.approx(sent[0], rel=0.1)


@pytest.fixture
def idle(owner, worker_row):
    """The last turn was two days and some minutes ago."""
    conversation = Conversation.objects.create(owner=owner, agent="demo")
    finished = timezone.now() - timedelta(days=2, seconds=400)
    ended = {"state": "completed", "finished": finished, "last_event": 3}
    Turn.objects.create(
        conversation=conversation, owner=owner, number=0, pool="default", input=[], **ended
    )


async def test_a_site_that_nobody_used_for_two_days_is_healthy(idle, async_client):
    """`.seconds` forgets whole days, and idleness is no illness."""
    assert (await async_client.get("/livez")).status_code == 200
