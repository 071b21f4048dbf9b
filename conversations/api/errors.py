"""What goes wrong, as clients of /v1/ see it: `{"error": {message, type, param, code}}`."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from redis.exceptions import RedisError

from conversations.errors import (
    ConversationError,
    InvalidFrame,
    InvalidJson,
    InvalidKey,
    InvalidValue,
    MissingField,
    RateLimited,
    UnsupportedParameter,
)

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
AWAY = (OperationalError, InterfaceError, RedisError, OSError)
FAULT = "The site failed; try again."
AGAIN = 1  # seconds after which a client may ask again while a database is away
PARAM_LENGTH = 100  # characters of a client's own name that go back to it
TAG = "<"  # how the names begin that schemas give to alternatives: clients do not know them

log = structlog.get_logger(__name__)


class Unavailable(ConversationError):
    """The site cannot answer at the moment; try again."""

    code = "unavailable"
    status = 503


class NotAllowed(ConversationError):
    """There is no such method here."""

    code = "method_not_allowed"
    status = 405


class RequestTimeout(ConversationError):
    """The request took too long to arrive; send it again."""

    code = "request_timeout"
    status = 408


class HttpsRequired(ConversationError):
    """Use https; and make a new key, for this one was sent for all to read."""

    code = "https_required"
    status = 403


def described(error: ConversationError) -> dict[str, Any]:
    kind = TYPES.get(error.status, "server_error" if error.status >= 500 else "")
    return {
        "error": {
            "message": error.message,
            "type": kind or "invalid_request_error",
            "param": error.param,
            "code": error.code,
        }
    }


def answer(error: ConversationError) -> HttpResponse:
    """The official SDKs try again after a 409, which changes nothing, unless they are told."""
    response = JsonResponse(described(error), status=error.status)
    if error.status == 409:
        response["x-should-retry"] = "false"
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable | RateLimited):
        response["Retry-After"] = str(AGAIN)
    return response


def handle(api: NinjaAPI) -> None:
    """Have every error of an operation answered like this."""
    api.add_exception_handler(AuthenticationError, _told_nothing)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(HttpError, _unreadable)
    api.add_exception_handler(Exception, _told)


def known(error: Exception) -> ConversationError:
    """What clients are told of it; what was no fault of theirs goes to the log."""
    if isinstance(error, ConversationError):
        return error
    if isinstance(error, SuspiciousOperation):  # too many parameters, say
        return InvalidValue("The address holds more than can be read.")
    if isinstance(error, AWAY):
        log.warning("api.unavailable", error=type(error).__name__)
        return Unavailable()
    log.error("api.failed", exc_info=error)
    return ConversationError(FAULT)


def _told(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(known(error))


def _told_nothing(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(InvalidKey())


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """Ninja's paths begin with where the value was: in the body, the query, the path."""
    bare = [
        {**one, "loc": one["loc"][2 if one["loc"][0] == "body" else 1 :]} for one in error.errors
    ]
    return answer(invalid(bare))


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    """Ninja wraps what its parser raises."""
    cause = error.__cause__
    return answer(cause if isinstance(cause, ConversationError) else InvalidJson())


def invalid(errors: Sequence[dict[str, Any]]) -> InvalidFrame:
    """The first thing that pydantic found wrong."""
    found = errors[0]
    param = named(found["loc"])
    match found["type"]:
        case "missing":
            return MissingField(param=param)
        case "extra_forbidden":
            return UnsupportedParameter(f"This parameter is not supported: {param}.", param=param)
    told = found["msg"].removeprefix("Value error, ")
    return InvalidValue(f"{told[:1].upper()}{told[1:]}.".replace("..", "."), param=param)


def named(path: Sequence[Any]) -> str | None:
    """The path of a value as clients write it: `input[0].content`."""
    steps = [step for step in path if not str(step).startswith(TAG)]
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    text = text.removeprefix(".")[:PARAM_LENGTH]
    return text if text and text.isascii() and text.isprintable() else None
