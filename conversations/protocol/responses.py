"""The response object: a turn as clients see it."""

from collections.abc import Mapping, Sequence
from typing import Any

from conversations.facts import TurnFacts
from conversations.protocol import ids

# The status that clients see, by Turn.State. A turn that waits is not over yet.
STATUS = {
    "queued": "queued",
    "running": "in_progress",
    "waiting": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "rolled_back": "cancelled",
}
# Why a response is incomplete, by the state of its turn: codes of errors that are none.
REASONS = {
    "cancelled": "steered",  # more input took its place
    "completed": "max_output_tokens",  # the model had to stop, and what it said counts
}
# Parameters as the specification has them when nobody sets them. A request changes those that this
# site knows what to do with; the others are as they stand here in every response.
DEFAULTS: dict[str, Any] = {
    "incomplete_details": None,
    "previous_response_id": None,
    "instructions": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "reasoning": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": True,
    "background": False,
    "service_tier": "default",
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
}


def outcome(
    state: str, error: Mapping[str, Any] | None
) -> tuple[str, dict[str, str] | None, Mapping[str, Any] | None]:
    """The status, the details of what is incomplete, and the error, from those of a turn."""
    code = error["code"] if error else None
    if code and REASONS.get(state) == code:
        return "incomplete", {"reason": code}, None
    return STATUS[state], None, None if code in REASONS.values() else error


def response(
    facts: TurnFacts,
    status: str,
    *,
    output: Sequence[Mapping[str, Any]] = (),
    usage: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    completed_at: int | None = None,
    notices: Sequence[str] = (),
) -> dict[str, Any]:
    """The response with every key that the specification requires.

    `usage` and `error` are as `Turn` keeps them; `completed_at` is in seconds since 1970,
    `notices` are what is to be known beside the answer.
    """
    return {
        "id": ids.response_id(facts.id),
        "object": "response",
        "created_at": facts.created,
        "completed_at": completed_at,
        "status": status,
        "model": facts.agent,
        "output": list(output),
        "error": {"code": error["code"], "message": error["message"]} if error else None,
        "usage": _usage(usage) if usage else None,
        **_parameters(facts),
        **({"agentsite_notices": list(notices)} if notices else {}),
    }


def _parameters(facts: TurnFacts) -> dict[str, Any]:
    """The conversation too is shown only to whoever named it, as the page does."""
    asked = {name: facts.request[name] for name in DEFAULTS if name in facts.request}
    conversation = {"id": ids.conversation_id(facts.conversation_id)}
    bound = facts.request.get("conversation", True)
    return {**DEFAULTS, **asked, "conversation": conversation if bound else None}


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    asked, answered = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return {
        "input_tokens": asked,
        "input_tokens_details": {
            "cached_tokens": usage.get("cache_read_tokens", 0),
            "cache_write_tokens": usage.get("cache_write_tokens", 0),
        },
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
        "total_tokens": asked + answered,
    }
