"""Logs: one JSON object a line, off the path of whoever logs, from structlog and all libraries.

`lines` says what a line is and what never gets into one, `outlets` how lines leave without holding
anybody up, `streams` and `service` where they go.
"""

import logging.config
from typing import Any

import structlog

from agentsite.logs.lines import ClientsMistakes, SafeTraceback, Scrubber
from agentsite.logs.outlets import Outlet, OutletHandler
from agentsite.logs.service import Service
from agentsite.logs.streams import Stream

QUIET = (
    "httpx",
    "httpx2",
    "httpcore",
    "openai",
    "asyncio",
    "mcp",
    "opentelemetry",
)  # whole requests
ROUTED = ("django", "django.server", "uvicorn", "uvicorn.access", "uvicorn.error", "rq.worker")
LINGER = 1.0  # seconds in which lines for the central service gather


def configure(options: dict[str, Any]) -> None:
    """What Django calls with `settings.LOGGING`: level, stream, capacity, service, secrets."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            # here and not later: a traceback would keep alive what its frames hold
            structlog.processors.ExceptionRenderer(SafeTraceback()),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(stdlib(options))


def stdlib(options: dict[str, Any]) -> dict[str, Any]:
    """One handler at the root; libraries that bring handlers of their own lose them."""
    routed: dict[str, Any] = {name: {"handlers": [], "propagate": True} for name in ROUTED}
    routed["uvicorn.error"]["filters"] = ["clients"]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"clients": {"()": ClientsMistakes}},
        "handlers": {"outlets": {"()": handler, "options": options}},
        "root": {"handlers": ["outlets"], "level": options["level"]},
        "loggers": routed | {name: {"level": "WARNING"} for name in QUIET},
    }


def handler(options: dict[str, Any]) -> OutletHandler:
    """The stream, and the central service where one is set."""
    scrub = Scrubber(options.get("secrets", ()))
    capacity = options.get("capacity", 10_000)
    outlets = [Outlet(Stream(options.get("stream", "stdout")), scrub, capacity=capacity)]
    if sink := central(options):
        outlets.append(Outlet(sink, scrub, capacity=capacity, linger=LINGER))
    return OutletHandler(outlets)


def central(options: dict[str, Any]) -> Service | None:
    """The central service, where one is set."""
    told = options.get("service", {})
    return Service(**told) if told.get("address") else None
