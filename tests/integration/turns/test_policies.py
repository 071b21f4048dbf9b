"""Policies in every mix: what becomes of each turn, and what the model is shown afterwards."""

import pytest

from conversations import turns
from conversations.errors import ResponseInProgress
from conversations.models import Message, Turn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def say(conversation, owner):
    """Accepts a message; gives what was accepted."""

    def said(text="Hello", **options):
        items = [{"type": "message", "role": "user", "content": text}]
        return turns.accept(conversation.id, owner.id, items, **options)

    return said


@pytest.fixture
def claim(conversation, worker_row):
    return lambda: turns.claim(conversation.id, worker_row.id, pool="default")


@pytest.fixture
def finish():
    """A worker brings its claim to an end; gives the state that it had in truth."""

    def finished(claim, state=Turn.State.COMPLETED):
        outcome = claim.ending or turns.Outcome(state=state)
        return turns.end(claim.turn_id, outcome, token=claim.token).state

    return finished


def states():
    return list(Turn.objects.order_by("number").values_list("state", flat=True))


def shown():
    """What the model may see."""
    rows = Message.objects.filter(retracted=False).order_by("number")
    return [row.text for row in rows]


MIXES = {
    ("interrupt", "interrupt"): ["cancelled", "cancelled"],
    ("interrupt", "rollback"): ["rolled_back", "rolled_back"],
    ("rollback", "interrupt"): ["rolled_back", "cancelled"],
    ("rollback", "rollback"): ["rolled_back", "rolled_back"],
    ("enqueue", "interrupt"): ["cancelled", "cancelled"],
    ("enqueue", "rollback"): ["rolled_back", "rolled_back"],
}


@pytest.mark.parametrize(("policies", "outcomes"), MIXES.items(), ids=map("+".join, MIXES))
def test_a_second_policy_comes_while_the_first_is_pending(say, claim, finish, policies, outcomes):
    say("first")
    running = claim()
    for text, policy in zip(("second", "third"), policies, strict=True):
        say(text, policy=policy)
    finish(running, Turn.State.CANCELLED)
    assert finish(claim()) == "completed"
    assert states() == [*outcomes, "completed"]
    assert shown() == [*(["first"] if outcomes[0] == "cancelled" else []), "third"]


def test_a_reply_that_was_complete_before_the_interrupt_stays(say, claim, finish):
    say("first")
    running = claim()
    say("second", policy="interrupt")
    assert finish(running) == "completed"


def test_a_reply_that_was_complete_before_the_rollback_leaves_all_the_same(say, claim, finish):
    say("first")
    running = claim()
    say("second", policy="rollback")
    assert finish(running) == "rolled_back"
    assert shown() == []


def test_what_is_queued_ends_at_once_and_in_the_same_commit(say, claim):
    say("first")
    claim()
    queued = [say(text).turn.pk for text in ("second", "third")]
    accepted = say("fourth", policy="interrupt")
    assert [ended.turn_id for ended in accepted.ended] == queued
    assert accepted.position == 1
    assert states() == ["running", "cancelled", "cancelled", "queued"]


def test_a_turn_that_was_handed_back_is_ended_by_the_next_claim(say, claim, finish):
    say("first")
    running = claim()
    turns.hand_back(running.turn_id, running.token)
    assert say("second", policy="interrupt").ended == ()  # it has a log, which a worker closes
    assert finish(claim()) == "cancelled"
    assert finish(claim()) == "completed"


def test_a_message_is_refused_until_the_interrupted_one_has_stopped(say, claim, finish):
    running = (say("first"), claim())[1]
    turns.cancel(running.turn_id)
    with pytest.raises(ResponseInProgress, match="Request in progress, please wait"):
        say("second", policy="reject")
    finish(running, Turn.State.CANCELLED)
    assert say("second", policy="reject").position == 0


def test_an_interrupt_that_is_sent_again_stops_nothing_more(say, claim, finish):
    say("first")
    running = claim()
    say("second", policy="interrupt", idempotency_key="k")
    finish(running, Turn.State.CANCELLED)
    claim()
    assert say("second", policy="interrupt", idempotency_key="k").repeated
    assert Turn.objects.get(number=1).cancel_requested == "none"


def test_a_retry_is_known_again_though_the_conversations_policy_has_changed(say, conversation):
    say("first", idempotency_key="k")
    type(conversation).objects.update(policy="interrupt")
    assert say("first", idempotency_key="k").repeated


def test_the_conversations_policy_applies_to_messages_without_one(say, conversation):
    type(conversation).objects.update(policy="reject")
    assert say("first").turn.policy == "reject"
    with pytest.raises(ResponseInProgress):
        say("second")
    assert say("third", policy="enqueue").position == 1
