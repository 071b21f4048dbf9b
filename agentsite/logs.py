"""Logs: one JSON object a line on standard error, from structlog and from every other library.

What people wrote never belongs in a log: known fields are withheld, and of an exception only its
type, the first line of its message and its frames are kept, never the values of variables.
"""

import logging.config
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

WITHHELD = frozenset(
    [
        "text",
        "content",
        "input",
        "payload",
        "prompt",
        "messages",
        "delta",
        "arguments",
        "password",
        "secret",
        "token",
        "key",
        "api_key",
        "authorization",
        "cookie",
    ]
)
LINE_LENGTH = 200  # characters kept of an exception's message: some quote what they choked on
FRAMES = 30
QUIET = ("httpx", "httpx2", "httpcore", "openai", "asyncio", "mcp")  # they log whole requests
ROUTED = ("django", "django.server", "uvicorn", "uvicorn.access", "uvicorn.error", "rq.worker")


def configure(options: dict[str, Any]) -> None:
    """What Django calls with `settings.LOGGING`, here only {"level": name}."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(stdlib(options["level"]))


def stdlib(level: str) -> dict[str, Any]:
    """One handler at the root; libraries that bring handlers of their own lose them."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            *shared(),
            structlog.stdlib.ExtraAdder(allow=["status_code"]),
            first_line_of_rq,
        ],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(SafeTraceback()),
            withhold,
            structlog.processors.JSONRenderer(default=str),
        ],
    }
    routed = {name: {"handlers": [], "propagate": True} for name in ROUTED}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": routed | {name: {"level": "WARNING"} for name in QUIET},
    }


def shared() -> list[Processor]:
    """What every line carries."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.CallsiteParameterAdder(
            [structlog.processors.CallsiteParameter.PROCESS]
        ),
    ]


def first_line_of_rq(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """RQ puts a whole traceback into its message, with all that the exception quotes."""
    if event["logger"].startswith("rq."):
        event["event"] = event["event"].partition("\n")[0]
    return event


def withhold(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace the value of any field that could hold what a person wrote or a secret."""
    for name in WITHHELD & event.keys():
        event[name] = "[withheld]"
    return event


class SafeTraceback(ExceptionDictTransformer):
    """Where it happened, without local variables and without quoted data."""

    def __init__(self) -> None:
        super().__init__(show_locals=False, max_frames=FRAMES)

    def __call__(self, exc_info: ExcInfo) -> list[dict[str, Any]]:
        return [safe(stack) for stack in super().__call__(exc_info)]


def safe(stack: dict[str, Any]) -> dict[str, Any]:
    """Type, first line and frames of one exception of the chain, and of a group's members."""
    lines = stack["exc_value"].splitlines() or [""]
    members = [safe(member) for group in stack.get("exceptions", []) for member in group]
    kept = {
        "type": stack["exc_type"],
        "value": lines[0][:LINE_LENGTH],
        "frames": [f"{f['filename']}:{f['lineno']} {f['name']}" for f in stack["frames"]],
    }
    return kept | ({"exceptions": members} if members else {})
