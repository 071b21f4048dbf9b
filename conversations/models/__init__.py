"""What is kept: conversations, their turns, their messages. The promises stand as constraints."""

from conversations.models.api_key import ApiKey, Scope
from conversations.models.conversation import Conversation, Policy
from conversations.models.message import Message
from conversations.models.summary import Summary
from conversations.models.tool_call import ToolCall
from conversations.models.turn import Turn

__all__ = ["ApiKey", "Conversation", "Message", "Policy", "Scope", "Summary", "ToolCall", "Turn"]
