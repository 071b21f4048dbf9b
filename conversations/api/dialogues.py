"""`/v1/conversations`: begin, look, label, delete; and their items."""

from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Path, Query, Router

from conversations import access, catalog, placing, protocol, turns
from conversations.api import items, objects
from conversations.api.bearer import caller_of, reads, writes
from conversations.api.objects import answers
from conversations.api.pages import PAGE, Page
from conversations.api.schemas import CreateConversation, CreateItems, UpdateConversation
from conversations.errors import ConversationError
from conversations.models import Conversation, Policy
from conversations.protocol import ids
from conversations.showing.announcements import announce_change, announce_deletion
from conversations.threads import in_thread

router = Router(tags=["conversations"])
ONE = "/conversations/{conversation_id}"


class PartOfResponse(ConversationError):
    """This item is part of a response, which needs it; delete the response."""

    code = "part_of_response"
    status = 409


@router.post("/conversations", auth=writes, response=answers(objects.Conversation))
async def create_conversation(request: HttpRequest, body: CreateConversation) -> HttpResponse:
    """Begin a conversation, with what was said before if there is anything."""
    conversation = await in_thread(_begin, caller_of(request).user, body)
    return JsonResponse(described(conversation))


@router.get(ONE, auth=reads, response=answers(objects.Conversation))
async def get_conversation(request: HttpRequest, conversation_id: Path[str]) -> HttpResponse:
    """A conversation without what was said."""
    return JsonResponse(described(await found(request, conversation_id)))


@router.post(ONE, auth=writes, response=answers(objects.Conversation))
async def update_conversation(
    request: HttpRequest, conversation_id: Path[str], body: UpdateConversation
) -> HttpResponse:
    """Give a conversation other metadata, or another policy."""
    conversation = await found(request, conversation_id)
    await in_thread(_change, conversation, body)
    return JsonResponse(described(conversation))


@router.delete(ONE, auth=writes, response=answers(objects.Deleted))
async def delete_conversation(request: HttpRequest, conversation_id: Path[str]) -> HttpResponse:
    """Delete a conversation with all that was said; what is being answered stops."""
    conversation = await found(request, conversation_id)
    await in_thread(catalog.delete, conversation)
    told = {"id": conversation_id, "object": "conversation.deleted", "deleted": True}
    return JsonResponse(told)


@router.get(f"{ONE}/items", auth=reads, response=answers(objects.Items))
async def list_items(
    request: HttpRequest, conversation_id: Path[str], page: Query[Page]
) -> HttpResponse:
    """What was said, the newest first."""
    conversation = await found(request, conversation_id, *PAGE)
    return JsonResponse(await in_thread(items.page_of, conversation, page))


@router.post(f"{ONE}/items", auth=writes, response=answers(objects.Items))
async def create_items(
    request: HttpRequest, conversation_id: Path[str], body: CreateItems
) -> HttpResponse:
    """Enter what was said elsewhere; nobody is asked to answer it."""
    conversation = await found(request, conversation_id)
    said = [item.as_item() for item in body.items]
    entered = await in_thread(turns.enter, conversation.pk, conversation.owner_id, said)
    await announce_change(conversation.pk)
    made = [item for turn in entered for item in protocol.input_items(turn.pk, turn.input)]
    return JsonResponse(items.as_list(made))


@router.get(f"{ONE}/items/{{item_id}}", auth=reads, response=answers(objects.Item))
async def get_item(
    request: HttpRequest, conversation_id: Path[str], item_id: Path[str]
) -> HttpResponse:
    """One item."""
    conversation = await found(request, conversation_id)
    _, item = await in_thread(items.one, conversation, item_id)
    return JsonResponse(item)


@router.delete(f"{ONE}/items/{{item_id}}", auth=writes, response=answers(objects.Conversation))
async def delete_item(
    request: HttpRequest, conversation_id: Path[str], item_id: Path[str]
) -> HttpResponse:
    """Take out an item that was entered by itself."""
    conversation = await found(request, conversation_id)
    turn, _ = await in_thread(items.one, conversation, item_id)
    if turn.attempt or len(turn.input) > 1 or turn.input[0]["type"] != "message":
        raise PartOfResponse(param="item_id")
    after = await in_thread(turns.delete, turn.pk)
    await announce_deletion(turn)
    return JsonResponse(described(after))


async def found(request: HttpRequest, conversation_id: str, *query: str) -> Conversation:
    """The caller's conversation. Raises `NotFound`."""
    user = caller_of(request, *query).user
    return await in_thread(access.conversation, user, row(conversation_id))


def row(conversation_id: str) -> UUID:
    """Raises `NotFound` for an id that can be none."""
    return ids.conversation_row(conversation_id)


def described(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": protocol.conversation_id(conversation.pk),
        "object": "conversation",
        "created_at": int(conversation.created.timestamp()),
        "metadata": conversation.metadata,
        "agentsite_version": conversation.version,
        "agentsite_policy": conversation.policy,
    }


def _begin(user: AbstractBaseUser, body: CreateConversation) -> Conversation:
    said = [item.as_item() for item in body.items or []]
    agent = placing.agent_of(body.model)
    with transaction.atomic():
        conversation = catalog.begin(
            user.pk,
            agent=agent,
            policy=body.policy or Policy.ENQUEUE,
            metadata=body.metadata,
        )
        if said:
            conversation = turns.enter(conversation.pk, user.pk, said)[-1].conversation
    return conversation


def _change(conversation: Conversation, body: UpdateConversation) -> None:
    with transaction.atomic():
        if body.metadata is not None:
            catalog.label(conversation, body.metadata)
        if body.policy is not None:
            catalog.set_policy(conversation, body.policy)
