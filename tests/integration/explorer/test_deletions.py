"""A turn is deleted while somebody is about to do something with it or with its conversation."""

import pytest

from conversations import catalog, placing, turns
from conversations.models import Conversation, Turn
from conversations.placing import Order

HELLO = {"type": "message", "role": "user", "content": "Hello"}


@pytest.fixture
def ended():
    """Brings a world to where its one turn has ended, in a conversation that nobody named."""

    def begun(world, **options) -> Turn:
        Conversation.objects.update(named=False)
        turn = world.accept("first", **options).turn
        world.end(world.claimed())
        return Turn.objects.get(pk=turn.pk)

    return begun


def test_a_turn_that_is_cancelled_is_deleted(explore, ended):
    def scene(world):
        turn = ended(world)
        return {
            "cancel": lambda: turns.cancel(turn.pk),
            "delete": lambda: turns.delete(turn.pk).version,
        }

    def gone(world, run):
        assert not Turn.objects.exists()

    explore(scene, gone, whole=False)


def test_a_turn_that_is_asked_for_again_is_deleted(explore, ended):
    def scene(world):
        turn = ended(world, idempotency_key="k")
        return {
            "again": lambda: world.accept("first", idempotency_key="k"),
            "delete": lambda: turns.delete(turn.pk).version,
        }

    def answered(world, run):
        assert run.outcomes["again"].turn

    explore(scene, answered, whole=False)


def test_a_message_that_was_accepted_is_not_deleted_with_the_turn_before_it(explore, ended):
    def scene(world):
        turn = ended(world)
        order = Order(user=world.owner, items=[HELLO], conversation=world.conversation.id)
        return {
            "delete": lambda: catalog.delete_turn(turn),
            "say": lambda: placing.place(order),
        }

    def kept(world, run):
        accepted = isinstance(run.outcomes["say"], turns.Accepted)
        assert accepted == Turn.objects.filter(state="queued").exists()

    explore(scene, kept, whole=False)
