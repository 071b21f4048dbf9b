"""What people read of a stored message: its parts, from pydantic-ai's JSON. Imports no pydantic-ai."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conversations.models import ToolCall


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message; `look` names its style, `call_id` the ledger row it may have."""

    look: str  # user, system, text, thinking, call, result, other
    title: str
    body: str
    call_id: str = ""
    ledger: ToolCall | None = None


GONE = "What was said here is not kept any more: its store has forgotten or lost it."


def parts(payload: Any, ledger: Mapping[str, ToolCall]) -> list[Part]:
    """The parts of one message; what cannot be read is shown as it is stored."""
    if payload is None:
        return [Part("other", "gone", GONE)]
    stored = payload.get("parts") if isinstance(payload, dict) else None
    if not isinstance(stored, list):
        return [Part("other", "message", pretty(payload))]
    read = [_part(part) for part in stored]
    return [replace(part, ledger=ledger.get(part.call_id)) for part in read]


def pretty(value: Any) -> str:
    """Text as it is, JSON laid out for reading."""
    if isinstance(value, str):
        return _reread(value) if value.startswith(("{", "[")) else value
    return json.dumps(value, indent=2, ensure_ascii=False)


def _reread(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):  # the second: nested far too deep
        return text


def said(content: Any) -> str:
    """The text of what a person sent: a string, or a list of texts and attachments."""
    if not isinstance(content, list):
        return pretty(content)
    return "\n".join(_said(item) for item in content)


def _said(item: Any) -> str:
    if isinstance(item, dict):
        kind = item.get("media_type") or item.get("kind") or item.get("type") or "attachment"
        return str(item.get("text") or item.get("content") or f"[{kind}]")
    return str(item)


def _part(part: Any) -> Part:
    kind = part.get("part_kind", "part") if isinstance(part, dict) else "part"
    try:
        return READERS[kind](part)
    except (KeyError, TypeError):
        return Part("other", str(kind), pretty(part))


def _call(part: dict) -> Part:
    arguments = pretty(part.get("args") or "")
    return Part("call", f"calls {part['tool_name']}", arguments, part["tool_call_id"])


def _result(part: dict) -> Part:
    return Part("result", f"{part['tool_name']} answers", pretty(part["content"]))


def _retry(part: dict) -> Part:
    whom = part.get("tool_name") or "the model"
    return Part("result", f"{whom} is asked to try again", pretty(part["content"]))


READERS: dict[str, Callable[[dict], Part]] = {
    "user-prompt": lambda part: Part("user", "", said(part["content"])),
    "system-prompt": lambda part: Part("system", "instructions", part["content"]),
    "text": lambda part: Part("text", "", part["content"]),
    "thinking": lambda part: Part("thinking", "thinks", part["content"]),
    "tool-call": _call,
    "builtin-tool-call": _call,
    "tool-return": _result,
    "builtin-tool-return": _result,
    "retry-prompt": _retry,
    "retry-feedback": _retry,
}
