"""Conversations in Django's admin: read-only lists that stay cheap, verbs as actions."""

from conversations.admin.conversations import ConversationAdmin
from conversations.admin.messages import MessageAdmin, ToolCallAdmin
from conversations.admin.turns import TurnAdmin

__all__ = ["ConversationAdmin", "MessageAdmin", "ToolCallAdmin", "TurnAdmin"]
