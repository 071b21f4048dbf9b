"""What is wrong with a request, whatever it is about: its form, its sender, its number."""

from conversations.errors.base import ConversationError


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
