"""What OpenAI refuses of a history: calls and their results that do not stand together.

And one in which nobody says anything: OpenAI may answer that, but nobody of ours asks so.
"""

from collections.abc import Sequence
from typing import Any

EMPTY = "[] is too short - 'messages'"
UNPAIRED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
    "'tool_call_id'. The following tool_call_ids did not have response messages: "
)
STRAY = (
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
    "with 'tool_calls'."
)


def refusal(messages: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The error as OpenAI words it; None where nothing is wrong."""
    found = fault(messages)
    kind = "invalid_request_error"
    return {"error": {"message": found, "type": kind, "code": None}} if found else None


def fault(messages: Sequence[dict[str, Any]]) -> str | None:
    """What is wrong with a history; None where nothing is."""
    if not any(message["role"] != "system" for message in messages):
        return EMPTY
    missing: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in missing:
                return STRAY
            missing.remove(message["tool_call_id"])
            continue
        if missing:
            break
        missing = [call["id"] for call in message.get("tool_calls") or ()]
    return UNPAIRED + ", ".join(missing) if missing else None
