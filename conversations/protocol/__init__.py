"""Responses, items and events as clients see them (Open Responses), from plain data; no I/O.

Anybody may call it. `docs/protocol.md` describes the same for those who write clients.
"""

from conversations.facts import TurnFacts
from conversations.protocol.endings import ending
from conversations.protocol.events import events
from conversations.protocol.ids import call, call_id, conversation_id, response_id, turn_id
from conversations.protocol.items import input_items, output, user_message
from conversations.protocol.responses import STATUS, outcome, response

__all__ = [
    "STATUS",
    "TurnFacts",
    "call",
    "call_id",
    "conversation_id",
    "ending",
    "events",
    "input_items",
    "outcome",
    "output",
    "response",
    "response_id",
    "turn_id",
    "user_message",
]
