"""Answers to the calls of a turn that waits and will not be resumed, without pydantic-ai."""

import json
from typing import Any

from django.utils import timezone

from conversations.models import Message, ToolCall, Turn
from conversations.stores.base import Key, NewMessage

UNANSWERED = "Nobody answered, and the call was not made."
REFUSED = "The person refused this call; it was not made."
# How a result in the ledger is told, by the key under which it is there: pydantic-ai's outcomes.
OUTCOMES = {"returned": "success", "failed": "failed", "retry": "failed", "denied": "denied"}


def closing(turn: Turn) -> list[NewMessage]:
    """A pydantic-ai ModelRequest that answers all calls of the response that asks.

    A provider takes no transcript in which a call has no answer. What was done meanwhile is told
    as it was.
    """
    calls = list(ToolCall.objects.filter(turn=turn).order_by("pk"))
    asking = [call.step for call in calls if call.state == ToolCall.State.ASKED]
    if not asking:
        return []
    step = max(asking)
    parts = [_part(call) for call in calls if call.step == step]
    return [
        NewMessage(
            key=Key(turn.pk, turn.attempt, step + 1),
            kind=Message.Kind.REQUEST,
            payload=json.dumps({"kind": "request", "parts": parts}),
        )
    ]


def _part(call: ToolCall) -> dict[str, Any]:
    [(kind, told)] = (call.result or {"denied": UNANSWERED}).items()
    return {
        "part_kind": "tool-return",
        "tool_name": call.tool,
        "tool_call_id": call.tool_call_id,
        "content": told["return_value"] if kind == "returned" else told,
        "outcome": OUTCOMES[kind],
        "timestamp": timezone.now().isoformat(),
    }
