"""Accounts in the admin: Django's own pages, but nobody deletes conversations by the way.

A project with a model of its own for users (AUTH_USER_MODEL) registers it itself.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin  # registers itself, once
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from conversations.models import Conversation

KEPT = "Conversations, which are kept: clear “Active” instead, and nobody logs in with the account."


class PersonAdmin(UserAdmin):
    """Says at once why an account stays; Django would first read all that its owner ever said."""

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        if Conversation.objects.filter(owner__in=list(objs)).exists():
            return [], {}, set(), [KEPT]
        return super().get_deleted_objects(objs, request)


if get_user_model() is User:
    admin.site.unregister(User)
    admin.site.register(User, PersonAdmin)
