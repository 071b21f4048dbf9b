"""The only way from a request to a row: what is not the user's own does not exist for them."""

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from conversations.errors import NotFound
from conversations.models import Conversation, Turn

Requester = AbstractBaseUser | AnonymousUser


def conversations(user: Requester) -> QuerySet[Conversation]:
    """The user's conversations, newest first."""
    return Conversation.objects.filter(owner_id=user.pk, stored=True).order_by("-updated")


def conversation(user: Requester, id: UUID) -> Conversation:  # noqa: A002 - as models call it
    """The user's conversation. Raises `NotFound`."""
    try:
        return Conversation.objects.get(id=id, owner_id=user.pk, stored=True)
    except Conversation.DoesNotExist:
        raise NotFound from None


def turn(user: Requester, id: UUID) -> Turn:  # noqa: A002
    """The user's turn, with its conversation. Raises `NotFound`.

    What is not to be stored is there until it has its outcome.
    """
    is_there = Q(conversation__stored=True) | Q(state__in=Turn.OPEN)
    turns = Turn.objects.select_related("conversation").filter(is_there)
    try:
        return turns.get(id=id, owner_id=user.pk)
    except Turn.DoesNotExist:
        raise NotFound from None


def turns(user: Requester, ids: Collection[UUID]) -> QuerySet[Turn]:
    """Those of these turns that are the user's and kept, with their conversations, one by one."""
    mine = Turn.objects.filter(pk__in=ids, owner_id=user.pk, conversation__stored=True)
    shown = mine.exclude(state=Turn.State.ROLLED_BACK).select_related("conversation")
    return shown.order_by("conversation", "number")
