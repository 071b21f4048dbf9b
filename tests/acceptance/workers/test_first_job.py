"""A worker is warm before it fetches: the first person does not pay for its start."""

import json

from django.contrib.auth import get_user_model

from conversations import turns
from conversations.models import Conversation, Turn
from tests.acceptance.workers.conftest import Fleet
from tests.waiting import eventually
from workers import garbage

HELLO = [{"type": "message", "role": "user", "content": "Hello"}]


def test_the_first_turn_of_a_worker_imports_no_library(fleet: Fleet, redis_client):
    owner = get_user_model().objects.create_user("ada")
    conversation = Conversation.objects.create(owner=owner, agent="demo")
    turns.accept(conversation.pk, owner.pk, HELLO)
    redis_client.flushdb()  # the hint: this job is to be the first
    fleet.start(DEMO_PACE="0")
    fleet.enqueue("answering", conversation.pk.hex)
    told = eventually(lambda: redis_client.lpop("test:imported"))
    assert Turn.objects.get().state == Turn.State.COMPLETED
    assert json.loads(told) == []


def test_its_collector_of_cycles_looks_seldom(fleet: Fleet, redis_client):
    fleet.start()
    fleet.enqueue("settled", "a")
    assert int(eventually(lambda: redis_client.lpop("test:a"))) == garbage.YOUNG
