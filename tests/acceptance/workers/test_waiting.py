"""A turn that waits for a person takes nobody's slot."""

from django.contrib.auth import get_user_model

from conversations import turns
from conversations.models import Conversation, ToolCall, Turn
from tests.acceptance.workers.conftest import Fleet
from tests.waiting import eventually

TITLE = "Holiday plans"


def asked(owner, text: str) -> Turn:
    """In a conversation of its own."""
    conversation = Conversation.objects.create(owner=owner, agent="demo")
    said = [{"type": "message", "role": "user", "content": text}]
    return turns.accept(conversation.pk, owner.pk, said).turn


def comes_to(turn: Turn, state: str) -> None:
    eventually(lambda: Turn.objects.get(pk=turn.pk).state == state)


def test_the_one_slot_of_a_worker_is_free_for_others_until_a_person_has_answered(fleet: Fleet):
    owner = get_user_model().objects.create_user("ada")
    fleet.start(TEST_SLOTS="1", DEMO_PACE="0")
    waiting = asked(owner, f"Call this conversation {TITLE}")
    comes_to(waiting, Turn.State.WAITING)
    comes_to(asked(owner, "Hello"), Turn.State.COMPLETED)
    comes_to(waiting, Turn.State.WAITING)
    item = ToolCall.objects.get(turn=waiting).item
    turns.resume(waiting.pk, [turns.Answer(item=item, approved=True)])
    comes_to(waiting, Turn.State.COMPLETED)
    assert Conversation.objects.get(pk=waiting.conversation_id).title == TITLE
