"""What a worker gets, and what becomes of turns that lost theirs."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from conversations import turns
from conversations.errors import Buried, Fenced
from conversations.models import Turn
from tests.integration.turns.conftest import answer
from tests.integration.turns.test_placing import waiting
from tests.waiting import eventually
from workers import queues

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crash(claim):
    """Claim and die; gives the state and the pool afterwards."""

    def crashed(pool="default"):
        claimed = claim(pool=pool)
        state = turns.requeue(claimed.turn_id, token=claimed.token, crashed=True)
        return state, Turn.objects.get().pool

    return crashed


def test_a_claim_says_what_it_wrote(say, claim):
    say("Hello")
    claimed = claim()
    [message] = claimed.wrote
    assert json.loads(message.payload)["parts"][0]["content"] == "Hello"
    assert (claimed.base_version, claimed.version, claimed.next_step) == (0, 1, 1)


def test_a_second_attempt_goes_on_after_the_last_checkpoint(say, claim, append):
    say()
    first = claim()
    append(first, [answer(first)])
    began = Turn.objects.get().started
    turns.hand_back(first.turn_id, first.token)
    second = claim()
    assert Turn.objects.get().started == began
    assert (second.attempt, second.next_step, second.wrote) == (2, 2, ())
    assert second.version == second.base_version == 2


def test_an_incomplete_partial_takes_no_step(say, claim, append):
    say()
    first = claim()
    append(first, [answer(first, retracted=True)])
    turns.hand_back(first.turn_id, first.token)
    assert claim().next_step == 1


def test_the_turn_of_a_queue_that_is_not_served_is_hinted_there(say, claim, redis_client):
    say(pool="quarantine")
    queues.queue("quarantine").empty()
    before = Turn.objects.get().hinted_at
    assert claim(serves=["interactive", "batch"]) is None
    assert queues.depth("quarantine") == 1
    assert Turn.objects.get().hinted_at > before


def test_the_turn_of_another_queue_that_is_served_is_claimed(say, claim):
    turn = say(pool="batch").turn
    assert claim(serves=["interactive", "batch"]).turn_id == turn.pk


def test_a_buried_worker_is_told_and_its_hint_goes_to_another(say, claim, worker_row, redis_client):
    say()
    queues.queue("default").empty()
    worker_row.delete()
    with pytest.raises(Buried):
        claim()
    assert queues.depth("default") == 1


def test_a_claim_that_is_given_up_before_its_commit_is_handed_back(say, claim, conversation):
    token = uuid4()

    def give_up():
        try:
            return turns.give_up(conversation.id, token)
        finally:
            connection.close()

    say()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert claim(token=token)
            given_up = pool.submit(give_up)
            eventually(lambda: waiting() or given_up.done())
        assert given_up.result() == "queued"


def test_a_hint_for_a_deleted_conversation_finds_nothing(conversation, claim):
    conversation.delete()
    assert claim() is None


def test_after_two_crashes_a_turn_is_in_quarantine(say, crash):
    say()
    assert crash() == ("queued", "default")
    assert crash() == ("queued", "quarantine")


def test_after_five_crashes_a_claim_is_only_to_end_the_turn(say, crash, claim):
    say()
    for pool in ("default", "default", *["quarantine"] * 3):
        crash(pool)
    ending = claim(pool="quarantine").ending
    assert (ending.state, ending.error["code"]) == ("failed", "worker_lost")


def test_a_turn_that_kills_even_who_is_to_end_it_is_ended_without(say, crash):
    say()
    for pool in ("default", "default", *["quarantine"] * 3):
        crash(pool)
    assert crash("quarantine")[0] == "failed"
    assert Turn.objects.get().last_event == 7 * 2**20  # after whatever the sixth attempt showed


def test_a_hand_back_is_no_crash(say, claim):
    say()
    claimed = claim()
    assert turns.hand_back(claimed.turn_id, claimed.token) == "queued"
    assert Turn.objects.get().crashes == 0
    assert turns.hand_back(claimed.turn_id, claimed.token) is None


def test_a_hand_back_without_a_hint_is_for_the_sweep(say, claim, redis_client):
    say()
    claimed = claim()
    queues.queue("default").empty()
    before = Turn.objects.get().hinted_at
    assert turns.hand_back(claimed.turn_id, claimed.token, wake=False) == "queued"
    assert queues.depth("default") == 0
    assert Turn.objects.get().hinted_at > before


def test_a_checkpoint_of_a_claim_that_was_handed_back_is_refused(say, claim, append):
    say()
    claimed = claim()
    turns.hand_back(claimed.turn_id, claimed.token)
    with pytest.raises(Fenced):
        append(claimed, [answer(claimed)])


def test_a_checkpoint_of_which_a_part_is_known_does_not_count_as_stored(say, claim, append):
    say()
    claimed = claim()
    first = answer(claimed)
    append(claimed, [first])
    second = replace(first, key=replace(first.key, step=first.key.step + 1))
    with pytest.raises(IntegrityError):
        append(claimed, [first, second])
