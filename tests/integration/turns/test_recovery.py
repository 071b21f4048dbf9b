"""What the sweep finds and what it leaves alone."""


import pytest

from conversations import recovery, turns
from conversations.models import Turn
from workers import queues

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
    swept = recovery.sweep()
    turn = Turn.objects.get()
    assert (swept.requeued, turn.state, turn.crashes) == (1, "queued", 1)
    assert queues.depth("default") == 1


def test_a_turn_whose_worker_lives_is_left_alone(running):
    assert not recovery.sweep()
    assert Turn.objects.get().state == "running"
