"""Where a turn came from: the request and the trace in which it was accepted, kept in its row.

Not in the hint, which may be lost, doubled, or lead a worker to another turn.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from workers.observing import tracing


def here() -> dict[str, str]:
    """Of the work that asks."""
    bound = structlog.contextvars.get_contextvars()
    found = {"request": bound.get("request", ""), "traceparent": tracing.traceparent()}
    return {name: value for name, value in found.items() if value}


@contextmanager
def resumed(name: str, origin: Mapping[str, str], **ids: str | int) -> Iterator[None]:
    """Log lines in the block carry the ids and the request; its spans belong to the trace."""
    request = {"request": origin["request"]} if "request" in origin else {}
    with (
        structlog.contextvars.bound_contextvars(**request, **ids),
        tracing.span(name, origin.get("traceparent", ""), **ids),
    ):
        yield
