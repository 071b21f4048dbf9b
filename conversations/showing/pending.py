"""What turns that wait ask for, as clients see it. Synchronous reads."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from conversations import protocol
from conversations.models import ToolCall, Turn

Pending = dict[str, Any]  # expires, in seconds since 1970; calls
NOTHING: Pending = {"expires": None, "calls": []}


def pending(turns: Iterable[Turn]) -> dict[UUID, Pending]:
    """By turn, the calls that have no answer yet; a turn that does not wait is left out."""
    waiting = {turn.pk: turn for turn in turns if turn.state == Turn.State.WAITING}
    if not waiting:
        return {}
    found: dict[UUID, Pending] = {
        turn.pk: {"expires": int(turn.expires.timestamp()) if turn.expires else None, "calls": []}
        for turn in waiting.values()
    }
    calls = ToolCall.objects.filter(turn__in=waiting, state=ToolCall.State.ASKED)
    for call in calls.order_by("item"):
        found[call.turn_id]["calls"].append(_described(call))
    return found


def _described(call: ToolCall) -> dict[str, Any]:
    assert call.item is not None, "what asks is shown as an item"
    return {
        "call_id": protocol.call_id(call.turn_id, call.item),
        "name": call.tool,
        "arguments": json.dumps(call.arguments, ensure_ascii=False, sort_keys=True),
        "asks": call.asks,
    }
