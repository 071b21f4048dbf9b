"""Search boxes: ids in every form that people paste, owners and titles by how they begin."""

import pytest

from conversations.models import Conversation, ToolCall
from tests.integration.admin.rows import crowd, message_of, person, prompt, turn_of

CONVERSATIONS = "/admin/conversations/conversation/"
TURNS = "/admin/conversations/turn/"
MESSAGES = "/admin/conversations/message/"
TOOL_CALLS = "/admin/conversations/toolcall/"


def found(client, address: str, term: str) -> list:
    return list(client.get(address, {"q": term}).context["cl"].result_list)


@pytest.mark.parametrize(
    "form", ["conv_{c.hex}", "{c.hex}", "{c}", " {c} ", "resp_{t.hex}", "{t}", "msg_{t.hex}_0", "fco_{t.hex}_2"]
)  # fmt: skip
def test_every_form_of_an_id_finds_the_conversation(form, viewer, owner, conversation):
    turn = turn_of(conversation)
    turn_of(Conversation.objects.create(owner=owner, agent="demo"))
    term = form.format(c=conversation.pk, t=turn.pk)
    assert found(viewer, CONVERSATIONS, term) == [conversation]


def test_a_conversation_is_found_by_how_its_title_begins_in_either_case(viewer, owner):
    garden = Conversation.objects.create(owner=owner, agent="demo", title="Garden plans")
    Conversation.objects.create(owner=owner, agent="demo", title="My garden")
    assert found(viewer, CONVERSATIONS, "gARd") == [garden]


def test_a_sign_that_like_would_expand_stands_for_itself(viewer, conversation):
    assert found(viewer, CONVERSATIONS, "%") == []
    assert found(viewer, CONVERSATIONS, "Eng_nes") == []


def test_conversations_and_turns_are_found_by_how_their_owner_begins(viewer, conversation):
    turn = turn_of(conversation)
    turn_of(Conversation.objects.create(owner=person("bob"), agent="demo"))
    assert found(viewer, CONVERSATIONS, "ad") == [conversation]
    assert found(viewer, TURNS, "ad") == [turn]


def test_a_worker_s_id_finds_what_it_runs(viewer, owner, conversation):
    running = turn_of(conversation, "running", worker="0198a0d0-0000-7000-8000-000000000001")
    turn_of(conversation, "completed", worker=running.worker)
    assert found(viewer, TURNS, running.worker) == [running]


@pytest.mark.parametrize("form", ["resp_{t.hex}", "conv_{c.hex}", "{t}", "{c}"])
def test_messages_and_tool_calls_are_found_by_turn_and_conversation(form, viewer, conversation):
    turn = turn_of(conversation)
    message = message_of(turn, prompt("hi"))
    call = ToolCall.objects.create(turn=turn, step=1, tool_call_id="c", tool="t", arguments={})
    other = turn_of(Conversation.objects.create(owner=conversation.owner, agent="demo"))
    message_of(other, prompt("no"))
    term = form.format(c=conversation.pk, t=turn.pk)
    assert found(viewer, MESSAGES, term) == [message]
    assert found(viewer, TOOL_CALLS, term) == [call]


def test_a_message_is_not_searched_by_its_text(viewer, conversation):
    message_of(turn_of(conversation), prompt("hi"))
    assert found(viewer, MESSAGES, "hi") == []


def test_no_search_reads_a_table_through(viewer, owner, conversation, cost):
    crowd(owner)
    turn = turn_of(conversation)
    with cost() as spent:
        for term in ("Engin", "nobody", "ad", f"resp_{turn.pk.hex}", str(turn.pk)):
            viewer.get(CONVERSATIONS, {"q": term})
            viewer.get(TURNS, {"q": term})
            viewer.get(MESSAGES, {"q": term})
    spent.assert_cheap()
