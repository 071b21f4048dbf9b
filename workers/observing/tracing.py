"""OpenTelemetry's traces, where TRACES_URL names a collector; else nothing is imported or kept.

A trace goes from the request of a person to the calls of the provider. What it carries from one
process to the next is one line, W3C's `traceparent`, kept with the work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

FAREWELL = 2000  # ms


@cache
def provider() -> "TracerProvider | None":
    """This process's own; None: nobody collects traces."""
    if not settings.TRACES_URL:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )

    return collecting(OTLPSpanExporter(settings.TRACES_URL, headers=settings.TRACES_HEADERS))


def collecting(exporter: "SpanExporter") -> "TracerProvider":
    """A provider that sends in batches, from a thread of its own; what it cannot send is dropped."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    sampler = ParentBased(TraceIdRatioBased(settings.TRACES_SHARE))
    made = TracerProvider(sampler, Resource.create({"service.name": "agentsite"}))
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


@contextmanager
def span(name: str, parent: str = "", **attributes: Any) -> Iterator[None]:
    """Time what is done in the block, under `parent`, a traceparent, or under the span around it.

    Log lines in the block carry its ids. Attributes are names and numbers, never what people wrote;
    of an exception that leaves the block the span tells its type alone, for the text may quote them.
    """
    traces = provider()
    if traces is None:
        yield
        return
    from opentelemetry.trace import StatusCode  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    above = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    tracer = traces.get_tracer("agentsite")
    with (
        tracer.start_as_current_span(
            name,
            above,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as current,
        structlog.contextvars.bound_contextvars(**ids(current.get_span_context())),
    ):
        try:
            yield
        except Exception as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def ids(context: Any) -> dict[str, str]:
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def traceparent() -> str:
    """Of the span around; empty where there is none."""
    if provider() is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    carried: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carried)
    return carried.get("traceparent", "")


def flush() -> None:
    """Send what has gathered, before a process ends without its exit hooks."""
    if provider.cache_info().currsize and (traces := provider()):
        traces.force_flush(FAREWELL)
