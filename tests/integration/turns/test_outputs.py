"""What a client's functions returned: a call takes one output that the model is told of."""

import pytest

from conversations import protocol, turns
from conversations.errors import InvalidValue, NotFound
from conversations.models import Conversation, ToolCall


@pytest.fixture
def call(say, claim, finish):
    """A call that was left to its client."""
    say()
    held = claim()
    asked = turns.Asked(step=1, call_id="a", tool="forecast", arguments={}, item=0, asks="client")
    finish(held, asked=[asked])
    return ToolCall.objects.get()


@pytest.fixture
def send(call, conversation, owner):
    """Sends an output of it."""

    def sent(text="sun", **options):
        call_id = protocol.call_id(call.turn_id, call.item)
        item = {"type": "function_call_output", "call_id": call_id, "output": text}
        return turns.accept(conversation.id, owner.id, [item], **options).turn

    return sent


def ledger():
    return ToolCall.objects.values_list("state", "result", "answered", "finished").get()


ASKED = ("asked", None, None, None)


@pytest.mark.parametrize("rollback", [False, True])
def test_one_that_was_cancelled_in_the_queue_does_not_count(send, rollback):
    turns.cancel(send().pk, rollback=rollback)
    assert ledger() == ASKED
    send("rain")
    assert ledger()[:2] == ("done", {"returned": {"return_value": "rain"}})


def test_one_whose_turn_was_rolled_back_does_not_count(send, claim, finish):
    send()
    finish(claim(), state="rolled_back")
    assert ledger() == ASKED
    send("rain")


@pytest.mark.parametrize("state", ["completed", "cancelled", "failed"])
def test_one_that_the_model_was_told_of_counts_until_it_is_deleted(send, claim, finish, state):
    turn = send()
    finish(claim(), state=state)
    with pytest.raises(InvalidValue):
        send("rain")
    turns.delete(turn.pk)
    assert ledger() == ASKED
    send("rain")


def test_one_that_did_not_count_takes_none_away_when_it_is_deleted(send, claim, finish):
    first = send()
    turns.cancel(first.pk)
    send("rain")
    finish(claim())
    turns.delete(first.pk)
    assert ledger()[0] == "done"


@pytest.mark.parametrize("policy", ["interrupt", "rollback"])
def test_it_may_come_again_in_the_message_that_stops_the_first(send, policy):
    send()
    send("rain", policy=policy)
    assert ledger()[:2] == ("done", {"returned": {"return_value": "rain"}})


def test_what_is_refused_stops_nothing(send, claim):
    turn = send()
    claim()
    with pytest.raises(InvalidValue):
        send("rain", policy="interrupt")
    turn.refresh_from_db()
    assert (turn.state, turn.cancel_requested) == ("running", "none")


def test_a_call_that_came_along_elsewhere_is_not_answered_here(conversation, owner):
    past = [
        {"type": "message", "role": "user", "content": "Hello"},
        {"type": "function_call", "call_id": "a", "name": "forecast", "arguments": "{}"},
    ]
    other = Conversation.objects.create(owner=owner, agent="demo")
    _, theirs = [turns.enter(one.pk, owner.pk, past)[-1] for one in (conversation, other)]
    output = {"call_id": protocol.call_id(theirs.pk, 0), "output": "sun"}
    with pytest.raises(InvalidValue):
        turns.accept(conversation.pk, owner.pk, [{"type": "function_call_output", **output}])


def test_it_is_not_approved_like_a_tool_of_the_agents(call):
    with pytest.raises(NotFound):
        turns.resume(call.turn_id, [turns.Answer(item=call.item)])
    assert ledger() == ASKED
