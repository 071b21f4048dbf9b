"""An export holds the whole conversation, is made while it is read, and leaves no text in logs."""

import json

import pytest
import structlog
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient
from django.urls import reverse

from conversations import exports
from conversations.models import Conversation, Message, ToolCall, Turn
from tests.integration.admin.rows import message_of, person, prompt, text, turn_of

pytestmark = pytest.mark.django_db(transaction=True)


def export(client, conversation):
    address = reverse("admin:conversations_conversation_act", args=[conversation.pk])
    return client.post(address, {"action": "export"})


@pytest.fixture
def said(conversation) -> Conversation:
    """A conversation with something of everything."""
    outcome = {"error": {"code": "x", "message": "y"}, "notices": ["Out of reach."]}
    turn = turn_of(conversation, usage={"input_tokens": 3}, **outcome)
    message_of(turn, prompt('Tell "me" of <b>Zürich</b> \u2028'), step=0, attempt=0)
    message_of(turn, text("Big"), retracted=True, trace=[[2, 1, -1, 0]])
    ToolCall.objects.create(
        turn=turn, step=1, tool_call_id="c", tool="t", arguments={"a": [1]}, state="done", result=2
    )
    turn_of(conversation, "queued")
    return conversation


def test_an_export_tells_every_row_again(viewer, said):
    (told,) = json.loads(b"".join(export(viewer, said).streaming_content))["data"]
    assert told["id"] == f"conv_{said.pk.hex}"
    assert [turn["id"] for turn in told["turns"]] == [
        f"resp_{turn.pk.hex}" for turn in Turn.objects.order_by("number")
    ]
    for row, message in zip(Message.objects.order_by("number"), told["messages"], strict=True):
        for field in ("number", "payload", "trace", "text", "retracted", "kind", "step", "attempt"):
            assert message[field] == getattr(row, field)
    assert told["turns"][0]["notices"] == ["Out of reach."]
    (call,) = told["turns"][0]["tool_calls"]
    assert (call["call_id"], call["arguments"], call["output"]) == ("c", {"a": [1]}, 2)


def test_an_export_is_read_while_it_is_made(viewer, conversation):
    turn = turn_of(conversation)
    for n in range(exports.BATCH * 2 + 1):
        message_of(turn, text(f"line {n}"))
    pieces = list(export(viewer, conversation).streaming_content)
    assert max(piece.count(b'"number"') for piece in pieces) <= exports.BATCH
    assert len(json.loads(b"".join(pieces))["data"][0]["messages"]) == exports.BATCH * 2 + 1


async def test_an_asgi_server_gets_it_piece_by_piece_too(viewer, said):
    client = AsyncClient()
    client.cookies = viewer.cookies
    address = reverse("admin:conversations_conversation_act", args=[said.pk])
    response = await client.post(address, {"action": "export"})
    assert response.is_async
    pieces = [piece async for piece in response.streaming_content]
    assert json.loads(b"".join(pieces))["data"][0]["title"] == "Engines"
    await sync_to_async(connections.close_all)()  # the view's thread had one of its own


def test_what_comes_while_it_is_made_is_left_out(conversation):
    turn = turn_of(conversation)
    message_of(turn, text("one"))
    pieces = exports.pieces([Conversation.objects.get(pk=conversation.pk)])
    made = [next(pieces)]
    message_of(turn, text("two"))
    (told,) = json.loads("".join([*made, *pieces]))["data"]
    assert [message["number"] for message in told["messages"]] == [0]


def test_several_conversations_are_one_document(viewer, said, owner):
    other = Conversation.objects.create(owner=owner, agent="demo", title="Other")
    ticked = {"action": "export", "_selected_action": [said.pk, other.pk], "index": "0"}
    response = viewer.post("/admin/conversations/conversation/", ticked)
    document = json.loads(b"".join(response.streaming_content))
    assert {told["title"] for told in document["data"]} == {"Engines", "Other"}


def test_an_export_is_logged_without_what_was_said(viewer, said):
    with structlog.testing.capture_logs() as logs:
        list(export(viewer, said).streaming_content)
    (event,) = [log for log in logs if log["event"] == "conversation_exported"]
    assert (event["conversation"], event["messages"]) == (str(said.pk), 2)
    assert "Zürich" not in str(logs)
    assert "Engines" not in str(logs)


def test_who_may_not_view_may_not_export(client, said):
    client.force_login(person("mallory", is_staff=True))
    assert export(client, said).status_code == 403
