"""Traces of what agents do, by pydantic-ai's own instrumentation: runs, provider calls, tools."""

from functools import cache

from workers.observing import tracing


@cache
def instrument() -> None:
    """For every agent of this process, without what anybody wrote."""
    if (provider := tracing.provider()) is None:
        return
    from pydantic_ai import Agent  # noqa: PLC0415 - heavy
    from pydantic_ai.models.instrumented import InstrumentationSettings  # noqa: PLC0415

    Agent.instrument_all(
        InstrumentationSettings(
            tracer_provider=provider,
            include_content=False,
            include_binary_content=False,
            include_model_request_parameters=False,
        )
    )
