"""The post behind Edit and Regenerate: the owner's turns only."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from conversations import turns
from conversations.models import Conversation
from conversations.protocol import response_id, user_message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def said(conversation, owner):
    return turns.accept(conversation.pk, owner.pk, [user_message("Hello there")]).turn


@pytest.fixture
def fork(conversation):
    def forked(client, response):
        return client.post(reverse("fork", args=[conversation.pk]), {"response": response})

    return forked


@pytest.fixture
def ada(client, owner):
    client.force_login(owner)
    return client


def test_the_owner_gets_the_new_conversation_and_the_input(ada, fork, said, conversation):
    answer = fork(ada, response_id(said.pk))
    made = Conversation.objects.get(parent=conversation)
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(made.pk),
        "url": reverse("conversation", args=[made.pk]),
        "input": "Hello there",
    }


def test_a_turn_behind_an_unanswered_one_cannot_be_edited_yet(ada, fork, said, conversation):
    later = turns.accept(conversation.pk, conversation.owner_id, [user_message("And?")]).turn
    answer = fork(ada, response_id(later.pk))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "response_in_progress")


@pytest.mark.parametrize("response", ["", "resp_1", f"resp_{0:032}"])
def test_what_is_no_response_is_not_found(ada, fork, response):
    assert fork(ada, response).status_code == 404


def test_a_response_of_another_conversation_is_not_found(ada, said, owner):
    other = Conversation.objects.create(owner=owner, agent="demo")
    answer = ada.post(reverse("fork", args=[other.pk]), {"response": response_id(said.pk)})
    assert answer.status_code == 404


def test_a_stranger_forks_nothing(fork, said, conversation):
    eve = Client()
    eve.force_login(get_user_model().objects.create_user("eve"))
    assert fork(eve, response_id(said.pk)).status_code == 404
    assert not Conversation.objects.exclude(pk=conversation.pk).exists()
