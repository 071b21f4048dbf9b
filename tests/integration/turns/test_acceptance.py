"""What is accepted, what is refused, and who is woken."""

import uuid

import pytest

from conversations import turns
from conversations.errors import (
    IdempotencyConflict,
    InvalidValue,
    NotFound,
    RateLimited,
    ResponseInProgress,
    VersionConflict,
)
from conversations.models import Conversation, Turn
from tests.counting import counted
from workers import queues
from workers.routing import LONG

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_conversation_of_another_person_is_not_found(conversation, owner):
    with pytest.raises(NotFound):
        turns.accept(conversation.id, owner.id + 1, [])
    with pytest.raises(NotFound):
        turns.accept(uuid.uuid4(), owner.id, [])


def test_only_what_may_come_again_is_kept_to_compare(say):
    hashes = [say(idempotency_key=key).turn.request_hash for key in (None, "k")]
    assert [len(each) for each in hashes] == [0, 64]


def test_a_repeated_key_gets_the_first_answer_again(say):
    first = say(idempotency_key="k")
    again = say(idempotency_key="k")
    assert (again.turn, again.repeated) == (first.turn, True)


@pytest.mark.parametrize("other", [{"text": "second"}, {"policy": "interrupt"}])
def test_a_key_with_another_message_or_policy_is_refused(say, other):
    say("first", idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        say(**{"text": "first"} | other, idempotency_key="k")


def test_the_key_of_another_person_is_another_key(say, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    theirs = Conversation.objects.create(owner=eve, agent="demo")
    named = {"idempotency_key": "k", "parameters": {"conversation": None}}  # made for the request
    first = say(**named)
    second = turns.accept(theirs.pk, eve.pk, first.turn.input, **named)
    assert (second.repeated, second.turn.owner) == (False, eve)


def test_a_wrong_version_is_told_the_right_one(say, claim):
    say()
    claim()
    with pytest.raises(VersionConflict) as conflict:
        say(expected_version=7)
    assert conflict.value.current == 1


def test_the_right_version_beside_an_open_turn_is_told_of_that(say):
    say()
    with pytest.raises(ResponseInProgress):
        say(expected_version=0)


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_text_that_cannot_be_stored_is_refused(say, text):
    with pytest.raises(InvalidValue):
        say(text)
    assert not Turn.objects.exists()


def test_a_conversation_has_one_hint_on_its_way(say, claim, finish, redis_client):
    for text in ("first", "second", "third"):
        say(text)
    assert queues.depth("default") == 1
    turns.cancel(Turn.objects.get(number=1).pk)
    assert queues.depth("default") == 1
    queues.queue("default").empty()
    finish(claim())
    assert queues.depth("default") == 1


def test_the_hint_after_an_end_is_for_the_oldest_that_is_queued(say, claim, finish, redis_client):
    for pool in ("default", "batch", "default"):
        say(pool=pool)
    claimed = claim()
    queues.queue("default").empty()
    finish(claimed)
    assert (queues.depth("default"), queues.depth("batch")) == (0, 1)


def test_a_retry_wakes_a_worker_again(say, redis_client):
    say(idempotency_key="k")
    queues.queue("default").empty()
    say(idempotency_key="k")
    assert queues.depth("default") == 1
    for _ in range(2):
        say(idempotency_key="behind it")
    assert queues.depth("default") == 1


def test_an_accept_succeeds_though_no_worker_can_be_woken(say, settings):
    settings.RQ_QUEUES = settings.RQ_QUEUES | {"far": {"URL": "redis://127.0.0.1:1/0"}}
    with counted("agentsite_hints_total", queue="far", outcome="failed"):
        assert say(pool="far").turn.state == "queued"


def test_the_agents_queue_is_used_unless_another_is_named(say, settings):
    settings.AGENTS = {"demo": {"agent": "x", "queue": "quarantine"}}
    assert say().turn.pool == "quarantine"
    assert say(pool="default").turn.pool == "default"


def test_a_message_is_routed_by_its_tier_its_source_and_its_length(say, settings, owner):
    assert say().turn.pool == "default"
    assert say(source="page").turn.pool == "interactive"
    assert say("x" * LONG, source="page").turn.pool == "default"
    assert say(tier="flex").turn.pool == "batch"
    settings.OWNER_TIERS = {str(owner.pk): "flex"}
    assert say(source="page").turn.pool == "batch"


def test_the_hint_of_a_message_lies_in_its_queue(say, redis_client):
    say(tier="flex")
    assert {queue: queues.depth(queue) for queue in ("default", "batch")} == {
        "default": 0,
        "batch": 1,
    }


def test_a_conversation_holds_so_many_waiting_messages_and_no_more(say, settings):
    settings.OPEN_TURNS = 2
    say(idempotency_key="k")
    last = say()
    with pytest.raises(RateLimited):
        say()
    assert say(idempotency_key="k").repeated
    turns.cancel(last.turn.pk)
    assert say().position == 1


def test_who_stops_all_that_waits_is_never_one_too_many(say, settings):
    settings.OPEN_TURNS = 2
    say()
    say()
    accepted = say(policy="interrupt")
    assert (accepted.position, len(accepted.ended)) == (0, 2)


def test_who_stops_all_that_waits_has_a_hint_in_its_own_queue(say, redis_client):
    say(pool="batch")
    say(pool="default", policy="interrupt")
    assert queues.depth("default") == 1
