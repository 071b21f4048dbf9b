"""Why a run failed, in the codes and words that clients see; never in the provider's own words."""

from dataclasses import dataclass
from json import JSONDecodeError

from pydantic_ai.exceptions import (
    AgentRunError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelTimeoutError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)

MESSAGES = {
    "provider_error": "The model provider could not answer. Try again in a moment.",
    "provider_rate_limited": "The model provider has too much to do just now.",
    "provider_timeout": "The model provider took too long to answer.",
    "provider_invalid_reply": "The model's reply could not be understood.",
    "context_too_long": "The conversation is too long for this model. Start a new one.",
    "tool_error": "A tool of the agent failed.",
    "tool_name_taken": "A function of the request is called like a tool of the agent. Rename it.",
    "server_error": "Something went wrong on our side.",
}


class NameTaken(Exception):
    """Functions of the request are called like tools of the agent; the names."""


class ToolFault(Exception):
    """A tool raised what is neither a retry nor a failure that the model may be told of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a failed response is shown; `retry_after` is in seconds, where the provider named it."""

    code: str
    retry_after: float | None = None

    @property
    def message(self) -> str:
        wait = f" Try again in {self.retry_after:.0f} s." if self.retry_after else ""
        return MESSAGES[self.code] + wait

    def as_error(self) -> dict[str, object]:
        """As `Turn.error` keeps it and `response.failed` carries it."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        return error if self.retry_after is None else error | {"retry_after": self.retry_after}


# The first class that fits decides, so the narrower ones come first.
CODES: tuple[tuple[type[BaseException], str], ...] = (
    (ToolFault, "tool_error"),
    (NameTaken, "tool_name_taken"),
    (ModelRateLimitError, "provider_rate_limited"),
    (ModelTimeoutError, "provider_timeout"),
    (ModelRequestTimeout, "provider_timeout"),
    (ModelContextWindowExceededError, "context_too_long"),
    (ModelHTTPError, "provider_error"),
    (ModelAPIError, "provider_error"),
    (UsageLimitExceeded, "provider_invalid_reply"),
    (UnexpectedModelBehavior, "provider_invalid_reply"),
    (AgentRunError, "provider_error"),
)


def failure(error: BaseException) -> Failure:
    """The failure that an exception of a run amounts to; `server_error` for what nobody foresaw."""
    if isinstance(error, FallbackExceptionGroup):
        return failure(error.exceptions[-1])  # what the last resort said
    if isinstance(error.__cause__, JSONDecodeError | UnicodeDecodeError):
        return Failure("provider_invalid_reply")
    code = next((code for kind, code in CODES if isinstance(error, kind)), "server_error")
    return Failure(code, getattr(error, "retry_after", None))
