"""Request bodies: JSON that can be stored and shown again, and nothing else."""

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from conversations.errors import InvalidJson, InvalidValue

DEPTH = 32  # of objects and lists in one another
LARGEST = 2**53  # whole numbers below it are exact in every client


class StrictParser(Parser):
    """What ninja reads bodies with."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        return parsed(request.body)


def parsed(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises `InvalidJson`, `InvalidValue`."""
    try:
        found = json.loads(
            body.decode(),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError):  # the second: nested far too deep
        raise InvalidJson from None
    if not isinstance(found, dict):
        raise InvalidJson("The body is a JSON object.")
    _check(found)
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and the infinities are not JSON


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidJson("A key stands twice in one object.")
    return found


def _check(value: dict[str, Any]) -> None:
    """Refuse what PostgreSQL or a client could not hold."""
    level: list[Any] = [value]
    for _ in range(DEPTH):
        for one in level:
            _check_single(one)
        level = [within for one in level for within in _within(one)]
        if not level:
            return
    raise InvalidJson(f"At most {DEPTH} objects and lists may stand in one another.")


def _check_single(value: Any) -> None:
    if isinstance(value, str) and not is_storable(value):
        raise InvalidValue("A text holds a NUL or half a character.")
    if type(value) is int and abs(value) >= LARGEST:
        raise InvalidValue("A whole number is too large.")


def is_storable(text: str) -> bool:
    """False with a NUL or a lone surrogate: PostgreSQL can store neither."""
    return "\0" not in text and text.encode(errors="ignore").decode() == text


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []
