"""The errors of conversations; a class's docstring is its default message.

ConversationError
├── NotLoggedIn
├── InvalidKey
├── InsufficientScope
├── NotFound
│   └── PreviousNotFound
├── VersionConflict
├── TranscriptGone
├── ResponseInProgress
├── NotTheLast
├── IdempotencyConflict
├── AlreadyAnswered
├── NotActive
├── NotSteerable
├── Fenced
│   └── Buried
├── InvalidFrame
│   ├── InvalidJson
│   ├── UnsupportedParameter
│   ├── UnknownType
│   ├── MissingField
│   ├── InvalidValue
│   │   └── InvalidState
│   │       └── StateExpired
│   └── TooLarge
├── RateLimited
├── NoWorker
├── TooManyConnections
└── TurnFailed

Beside the tree: StoreAway is one of Django's database errors, and is borne like one.
"""

from django.db import OperationalError


class ConversationError(Exception):
    """The request cannot be served."""

    code = "server_error"  # as clients see it, `docs/protocol.md`
    status = 500  # of HTTP

    def __init__(self, message: str | None = None, *, param: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "")
        self.param = param
        super().__init__(self.message)

    def told(self) -> dict[str, str]:
        """As `Turn.error` keeps it."""
        return {"code": self.code, "message": self.message}


class NotLoggedIn(ConversationError):
    """Log in first."""

    code = "not_logged_in"
    status = 401


class InvalidKey(ConversationError):
    """This is not a valid API key."""

    code = "invalid_api_key"
    status = 401


class InsufficientScope(ConversationError):
    """This API key may not be used for that."""

    code = "insufficient_scope"
    status = 403


class NotFound(ConversationError):
    """There is nothing with this id, or it is not yours."""

    code = "not_found"
    status = 404


class PreviousNotFound(NotFound):
    """There is no previous response with this id, or it is not yours."""

    code = "previous_response_not_found"
    status = 400


class VersionConflict(ConversationError):
    """The conversation has changed since the version you name; load it again."""

    code = "version_conflict"
    status = 409

    def __init__(self, message: str | None = None, *, current: int | None = None) -> None:
        super().__init__(message, param="expected_version")
        self.current = current


class TranscriptGone(ConversationError):
    """What was said here is not kept any more; begin a new conversation."""

    code = "transcript_gone"
    status = 410


class ResponseInProgress(ConversationError):
    """Request in progress, please wait."""

    code = "response_in_progress"
    status = 409


class NotTheLast(ConversationError):
    """Another turn has come after the one that this was to follow."""

    code = "not_the_last"
    status = 409


class IdempotencyConflict(ConversationError):
    """This idempotency key was used for another request; use a new key for a new request."""

    code = "idempotency_conflict"
    status = 409


class AlreadyAnswered(ConversationError):
    """This call was answered otherwise, or does not wait any more."""

    code = "already_answered"
    status = 409


class NotActive(ConversationError):
    """The response takes no more input: it has ended."""

    code = "response_not_active"
    status = 409

    def __init__(self, *, completed: bool) -> None:
        super().__init__()
        if completed:
            self.code = "response_already_completed"


class NotSteerable(ConversationError):
    """The response waits for what it asked for; send that."""

    code = "steering_not_supported"
    status = 409


class Fenced(ConversationError):
    """The turn belongs to another claim now; stop."""

    code = "fenced"


class Buried(Fenced):
    """This worker was declared dead; abandon its turns and register anew."""


class InvalidFrame(ConversationError):
    """This is not a frame of the protocol."""

    code = "invalid_frame"
    status = 400


class InvalidJson(InvalidFrame):
    """This is not JSON."""

    code = "invalid_json"


class UnsupportedParameter(InvalidFrame):
    """This parameter is not supported."""

    code = "unsupported_parameter"


class UnknownType(InvalidFrame):
    """There is no such type."""

    code = "unknown_type"


class MissingField(InvalidFrame):
    """A field is missing."""

    code = "missing_field"


class InvalidValue(InvalidFrame):
    """A field has a value that cannot be used."""

    code = "invalid_value"


class InvalidState(InvalidValue):
    """This state is damaged, or was not made for this; begin a new conversation."""

    code = "invalid_state"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, param="state")


class StateExpired(InvalidState):
    """This state is too old; begin a new conversation."""

    code = "state_expired"


class TooLarge(InvalidFrame):
    """This is too large."""

    code = "too_large"
    status = 413


class RateLimited(ConversationError):
    """Too many requests; wait a moment."""

    code = "rate_limited"
    status = 429


class TooManyConnections(ConversationError):
    """Too many connections; close some."""

    code = "too_many_connections"
    status = 429


class NoWorker(ConversationError):
    """No worker was free in time; send the same again."""

    code = "unavailable"
    status = 503


class TurnFailed(ConversationError):
    """The turn failed; `code` is one of the failed response's codes."""

    code = "provider_error"
    status = 502

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        if code:
            self.code = code


class StoreAway(OperationalError):
    """The place of the transcripts cannot be reached; like PostgreSQL it will be back."""
