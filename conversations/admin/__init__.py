"""Conversations in Django's admin: read-only lists that stay cheap, verbs as actions."""

from conversations.admin.conversations import ConversationAdmin
from conversations.admin.keys import ApiKeyAdmin
from conversations.admin.messages import MessageAdmin, ToolCallAdmin
from conversations.admin.people import PersonAdmin
from conversations.admin.turns import TurnAdmin

__all__ = [
    "ApiKeyAdmin",
    "ConversationAdmin",
    "MessageAdmin",
    "PersonAdmin",
    "ToolCallAdmin",
    "TurnAdmin",
]
