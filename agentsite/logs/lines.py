"""What a line says, and what never gets into one.

What people wrote never belongs in a log: known fields are withheld, and of an exception only its
type and its frames are kept, never the values of variables, and its message only where those who
raise it quote nobody. What looks like a secret, or is one of the settings', is struck out.
"""

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from redis import RedisError
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import ExcInfo

WITHHELD = frozenset(
    [
        "text",
        "content",
        "input",
        "output",
        "payload",
        "prompt",
        "instructions",
        "messages",
        "message",
        "body",
        "delta",
        "arguments",
        "result",
        "password",
        "secret",
        "token",
        "key",
        "api_key",
        "authorization",
        "cookie",
    ]
)
# Of these, and of what the system itself says, the message tells of servers and files. All others
# may quote what they choked on.
TELLING = (ImportError, RedisError, OperationalError, InterfaceError)
LINE_LENGTH = 300  # characters kept of a message that another library wrote
FRAMES = 30
STRUCK = "[secret]"
BEGIN = r"(?:\b|(?<=\\[bfnrt]))"  # of a word, perhaps after an escape such as \n
SECRETS = (
    r"(?i:bearer|basic) +[\w.~+/=-]{8,}",
    BEGIN + r"sk-[\w-]{8,}",  # providers' keys
    BEGIN + r"ags_[\w-]{8,}",  # ours
    r"(?<=://)[^/\s:@\"]*:[^/\s@\"]+(?=@)",  # of an address
    r"(?<=\?)[\w.~%+\[\]-]+=[^\s\"'\\<>()]*",  # its query, which may be what a person wrote too
)
ESCAPE = r"(?P<escape>\\(?:u[0-9a-f]{4}|.))"  # of JSON: no secret begins in the midst of one
SHORTEST = 6  # characters; a shorter value is too common a word to be struck out everywhere


class Scrubber:
    """Strikes out secrets in a finished line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """`secrets`: values of this site that no line may hold, whoever wrote it."""
        quoted = {dumped(secret)[1:-1] for secret in secrets if len(secret) >= SHORTEST}
        own = [re.escape(secret) for secret in sorted(quoted, key=len, reverse=True)]
        self._pattern = re.compile("|".join([*own, *SECRETS, ESCAPE]))

    def __call__(self, line: str) -> str:
        return self._pattern.sub(struck, line)


def struck(found: re.Match[str]) -> str:
    return found["escape"] or STRUCK


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody logged, as it is kept until it is written."""

    created: float  # seconds since the epoch
    level: str
    logger: str
    process: int | None
    fields: dict[str, Any]


def said(record: logging.LogRecord) -> Said:
    """In the thread of whoever logs: keep what would be gone later."""
    level, fields = record.levelname.lower(), fields_of(record)
    return Said(record.created, level, record.name, record.process, fields)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    if isinstance(record.msg, dict):  # structlog's
        return record.msg
    bound = structlog.contextvars.get_contextvars()
    if record.name == "uvicorn.access" and isinstance(record.args, tuple):
        return bound | access(record.args)
    first = record.getMessage().partition("\n")[0]  # RQ and asyncio go on with what they quote
    fields = bound | {"event": first[:LINE_LENGTH]}
    if (status := getattr(record, "status_code", None)) is not None:
        fields["status_code"] = status
    if record.exc_info and record.exc_info[1] is not None:
        fields["exception"] = SafeTraceback()(record.exc_info)
    return fields


def access(args: tuple[Any, ...]) -> dict[str, Any]:
    """One of uvicorn's access lines, without who asked and without the query."""
    _, method, path, _, status = args
    path = str(path).partition("?")[0]
    return {"event": "request", "method": method, "path": path, "status_code": status}


def entry(said: Said) -> dict[str, Any]:
    """The line's object, in the order in which people read it."""
    fields = dict(said.fields)
    head = {
        "timestamp": datetime.fromtimestamp(said.created, UTC).isoformat(),
        "level": said.level,
        "event": fields.pop("event", ""),
        "logger": said.logger,
    }
    return head | withheld(fields) | {"process": said.process}


def withheld(fields: dict[str, Any]) -> dict[str, Any]:
    """Replace the value of any field that could hold what a person wrote or a secret."""
    return {name: "[withheld]" if name in WITHHELD else value for name, value in fields.items()}


def dumped(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


class ClientsMistakes(logging.Filter):
    """What a client did wrong is no error of the site, and needs no traceback."""

    NO_TEXT = "Invalid UTF-8 sequence received from client."  # uvicorn's; it closes with 1007

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg == self.NO_TEXT:
            record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
        return True


class SafeTraceback(ExceptionDictTransformer):
    """Where it happened, without local variables and without quoted data."""

    def __init__(self) -> None:
        super().__init__(show_locals=False, max_frames=FRAMES)

    def __call__(self, exc_info: ExcInfo) -> list[dict[str, Any]]:
        telling = told_by(exc_info[1])
        return [safe(stack, telling) for stack in super().__call__(exc_info)]


def told_by(error: BaseException | None) -> set[str]:
    """The messages of an exception and those behind it that may be told."""
    found: set[str] = set()
    while error is not None:
        if is_telling(error):
            found.add(str(error))
        error = error.__cause__ or error.__context__
    return found


def is_telling(error: BaseException) -> bool:
    """Libraries derive theirs from OSError as well, and quote whole addresses: those have no number."""
    if isinstance(error, OSError):
        return error.errno is not None
    return isinstance(error, TELLING)


def safe(stack: dict[str, Any], telling: set[str]) -> dict[str, Any]:
    """Type and frames of one exception of the chain, and of a group's members."""
    kept = {"type": stack["exc_type"]}
    if stack["exc_value"] in telling:
        kept["value"] = stack["exc_value"].partition("\n")[0][:LINE_LENGTH]
    kept["frames"] = [f"{f['filename']}:{f['lineno']} {f['name']}" for f in stack["frames"]]
    members = [safe(member, telling) for group in stack.get("exceptions", []) for member in group]
    return kept | ({"exceptions": members} if members else {})
