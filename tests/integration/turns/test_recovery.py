"""What the sweep finds and what it leaves alone."""

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from conversations import catalog, chores, hints, recovery, turns
from conversations.models import Conversation, Turn
from tests.counting import counted
from tests.waiting import GENEROUS
from workers import orders, queues
from workers.jobs import TurnJob

HELLO = [{"type": "message", "role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def _empty_queues(redis_client):
    """Hints of other tests are gone."""


@pytest.fixture
def running(conversation, owner, worker_row):
    turns.accept(conversation.id, owner.id, HELLO)
    claim = turns.claim(conversation.id, worker_row.id, pool="default")
    queues.queue("default").empty()
    return claim


def test_a_turn_whose_worker_is_gone_is_queued_again(running, worker_row):
    worker_row.delete()
    with counted("agentsite_turns_recovered_total", how="requeued"):
        swept = recovery.sweep()
    turn = Turn.objects.get()
    assert (swept.requeued, turn.state, turn.crashes) == (1, "queued", 1)
    assert queues.depth("default") == 1


def test_a_turn_whose_worker_registered_anew_is_queued_again_without_a_crash(running, worker_row):
    """It lost its connection, and with it what it ran; its name tells that it lives."""
    worker_row.delete()
    worker_row.id = uuid4()
    worker_row.save(force_insert=True)
    assert recovery.sweep().requeued == 1
    assert Turn.objects.get().crashes == 0


def test_a_turn_whose_worker_lives_is_left_alone(running):
    assert not recovery.sweep()
    assert Turn.objects.get().state == "running"


def test_a_conversation_that_somebody_works_on_is_left_to_the_next_sweep(running, worker_row):
    worker_row.delete()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT FROM conversations_conversation FOR UPDATE")
        assert recovery.sweep() == recovery.Swept()
    assert recovery.sweep().requeued == 1


@pytest.fixture
def waiting(conversation, owner):
    """A turn whose hint was sent a minute ago, and is not in the queue."""
    turns.accept(conversation.id, owner.id, HELLO)
    queues.queue("default").empty()
    Turn.objects.update(hinted_at=Now() - timedelta(minutes=1))
    return conversation


def hinted() -> list[str]:
    """The conversations of the jobs that wait."""
    return [job.args[0] for job in queues.queue("default").jobs]


def fill(*, at: datetime) -> None:
    """The queue is never empty: its oldest job came then."""
    job = queues.queue("default").fetch_job(queues.enqueue("default", hints.TASK, "x", "default"))
    job.enqueued_at = at
    job.save()


def hint_came() -> datetime:
    """When the hint that waits was given."""
    return Turn.objects.get().hinted_at


def test_a_lost_hint_is_given_again_though_the_queue_is_never_empty(waiting):
    fill(at=hint_came() + timedelta(seconds=30))
    assert recovery.sweep().hinted == 1
    assert hinted() == ["x", str(waiting.id)]
    assert not recovery.sweep()


def test_no_more_hints_are_given_than_can_be_taken_and_those_lost_longest_ago_first(owner):
    spoken = [Conversation.objects.create(owner=owner, agent="demo") for _ in range(3)]
    for minutes, one in zip((1, 3, 2), spoken, strict=True):
        for _ in range(2):  # of which the second is not to be answered yet
            turns.accept(one.id, owner.id, HELLO)
        lost = Now() - timedelta(minutes=minutes)
        Turn.objects.filter(conversation=one).update(hinted_at=lost)
    queues.queue("default").empty()
    assert recovery.sweep(2).hinted == 2
    assert set(hinted()) == {str(one.id) for one in spoken[1:]}
    assert recovery.sweep(2).hinted == 1
    assert hinted()[2:] == [str(spoken[0].id)]


def test_no_more_hints_are_given_than_can_be_taken_over_all_pools(owner):
    for pool in ("default", "batch", "batch"):
        spoken = Conversation.objects.create(owner=owner, agent="demo")
        turns.accept(spoken.id, owner.id, HELLO, pool=pool)
    Turn.objects.update(hinted_at=Now() - timedelta(minutes=1))
    for pool in ("default", "batch"):
        queues.queue(pool).empty()
    assert [recovery.sweep(2).hinted for _ in range(2)] == [2, 1]


def test_a_hint_that_may_still_be_in_the_queue_is_not_doubled(waiting):
    fill(at=hint_came() - timedelta(seconds=30))
    assert not recovery.sweep()
    assert hinted() == ["x"]


def test_clocks_may_differ_a_little(waiting):
    fill(at=hint_came() + timedelta(seconds=2))
    assert not recovery.sweep()


def test_with_an_empty_queue_a_hint_is_lost_after_its_age(waiting, monkeypatch):
    monkeypatch.setattr(recovery, "HINT_AGE", 2 * GENEROUS)
    Turn.objects.update(hinted_at=Now() - timedelta(seconds=GENEROUS))
    assert not recovery.sweep()
    Turn.objects.update(hinted_at=Now() - timedelta(seconds=recovery.HINT_AGE))
    assert recovery.sweep().hinted == 1


def test_a_turn_of_a_paused_pool_is_hinted_again_only_after_the_pause(waiting):
    orders.pause("default", by="ada")
    assert not recovery.sweep()
    orders.unpause("default", by="ada")
    assert recovery.sweep().hinted == 1


def test_an_unreadable_head_of_the_queue_holds_up_no_hint(waiting, redis_client):
    redis_client.rpush(queues.queue("default").key, "odd")
    redis_client.hset(TurnJob.key_for("odd"), "enqueued_at", "?")
    assert recovery.sweep().hinted == 1


def test_a_turn_that_never_had_an_owner_is_queued_again(running):
    Turn.objects.update(worker=None, worker_name="")
    assert recovery.sweep().requeued == 1
    assert Turn.objects.get().state == "queued"


def test_a_turn_that_somebody_works_on_expires_at_the_next_sweep(running):
    Turn.objects.update(state="waiting", expires=Now() - timedelta(seconds=1))
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT FROM conversations_conversation FOR UPDATE")
        assert turns.expire() == 0
    assert turns.expire() == 1


def test_a_turn_that_was_claimed_thousands_of_times_can_still_end(running, worker_row):
    """As while the place of its store was away for a day."""
    Turn.objects.update(attempt=5000, crashes=5)
    worker_row.delete()
    assert recovery.sweep().ended == 1
    turn = Turn.objects.get()
    assert (turn.state, turn.last_event) == ("failed", 5001 * 2**20)


def test_many_that_cannot_be_erased_hold_up_no_other(owner, monkeypatch):
    monkeypatch.setattr(chores, "AT_ONCE", 1)
    for agent in ("carried", "demo"):  # the contents of the first are not here
        Conversation.objects.create(owner=owner, agent=agent, stored=False)
        Conversation.objects.update(updated=F("updated") - timedelta(hours=1))
    assert [catalog.erase_unstored(), catalog.erase_unstored()] == [0, 1]
    assert Conversation.objects.get().agent == "carried"


def test_what_has_just_ended_is_not_erased_however_long_ago_it_was_asked(running):
    Conversation.objects.update(stored=False, updated=Now() - timedelta(hours=1))
    turns.end(running.turn_id, turns.Outcome(state="completed"), token=running.token)
    assert catalog.erase_unstored() == 0
    Turn.objects.update(finished=Now() - timedelta(hours=1))
    assert catalog.erase_unstored() == 1


def test_what_cannot_be_erased_holds_up_nothing(waiting, owner):
    for agent in ("carried", "demo"):  # the contents of the first are not here
        Conversation.objects.create(owner=owner, agent=agent, stored=False)
    Conversation.objects.filter(stored=False).update(updated=Now() - timedelta(hours=1))
    assert recovery.sweep().hinted == 1
    assert Conversation.objects.get(stored=False).agent == "carried"
