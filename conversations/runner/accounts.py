"""What is told of a run: whose it is, what it used, and where it failed."""

import traceback

from pydantic_ai.usage import RunUsage

from conversations.turns import Claim
from workers.fleet import presence

COUNTED = (
    "requests",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
)


def ids(claim: Claim) -> dict[str, str | int]:
    """What every log line of a claim carries."""
    here = presence.current()
    return {
        "conversation": str(claim.conversation_id),
        "turn": str(claim.turn_id),
        "attempt": claim.attempt,
        "worker": here.name if here else "",
    }


def counted(usage: RunUsage) -> dict[str, int] | None:
    """Usage as `Turn.usage` keeps it."""
    counts = {name: getattr(usage, name) for name in COUNTED}
    counts["reasoning_tokens"] = usage.details.get("reasoning_tokens", 0)
    return {name: count for name, count in counts.items() if count} or None


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Where it was raised: the innermost frames."""
    return traceback.extract_tb(error.__traceback__)[-4:]
