"""The errors of conversations; a class's docstring is its default message.

ConversationError
├── NotLoggedIn
├── NotFound
├── VersionConflict
├── ResponseInProgress
├── IdempotencyConflict
├── Fenced
│   └── Buried
├── InvalidFrame
│   ├── InvalidJson
│   ├── UnknownType
├── AlreadyAnswered
│   ├── MissingField
│   ├── InvalidValue
│   └── TooLarge
├── RateLimited
└── TurnFailed
"""


class ConversationError(Exception):
    """The request cannot be served."""

    code = "server_error"  # as clients see it, `docs/protocol.md`
    status = 500  # of HTTP

    def __init__(self, message: str | None = None, *, param: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "")
        self.param = param
        super().__init__(self.message)


class NotLoggedIn(ConversationError):
    """Log in first."""

    code = "not_logged_in"
    status = 401


class NotFound(ConversationError):
    """There is nothing with this id, or it is not yours."""

    code = "not_found"
    status = 404


class VersionConflict(ConversationError):
    """The conversation has changed since the version you name; load it again."""

    code = "version_conflict"
    status = 409

    def __init__(self, message: str | None = None, *, current: int | None = None) -> None:
        super().__init__(message, param="expected_version")
        self.current = current


class ResponseInProgress(ConversationError):
    """Request in progress, please wait."""

    code = "response_in_progress"
    status = 409


class IdempotencyConflict(ConversationError):
    """This idempotency key was used for another request; use a new key for a new request."""

    code = "idempotency_conflict"
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


class UnknownType(InvalidFrame):
    """There is no such type."""

    code = "unknown_type"


class MissingField(InvalidFrame):
    """A field is missing."""

    code = "missing_field"


class InvalidValue(InvalidFrame):
    """A field has a value that cannot be used."""

    code = "invalid_value"


class TooLarge(InvalidFrame):
    """This is too large."""

    code = "too_large"
    status = 413


class RateLimited(ConversationError):
    """Too many requests; wait a moment."""

class AlreadyAnswered(ConversationError):
    """This call was answered otherwise, or does not wait any more."""

    code = "already_answered"
    status = 409


    code = "rate_limited"
    status = 429


class TurnFailed(ConversationError):
    """The turn failed; `code` is one of the failed response's codes."""

    code = "provider_error"
    status = 502

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        if code:
            self.code = code
