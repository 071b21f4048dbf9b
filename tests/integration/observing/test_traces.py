"""One trace, from the request of a person to the provider's call, in whatever process."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent

from agentsite.requests import Requests
from conversations import runner
from tests.integration.sockets.conftest import browser, open_tab, session, tab
from workers.agents import traced
from workers.observing import tracing

__all__ = ["browser", "open_tab", "session", "tab"]

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DIARY = "dear-diary-4711"


@pytest.fixture
def spans(settings, monkeypatch):
    """What is exported, by the span's name."""
    provider = tracing.collecting(exporter := InMemorySpanExporter())
    monkeypatch.setattr(tracing, "provider", lambda: provider)
    traced.instrument.cache_clear()

    def found():
        provider.force_flush()
        return {span.name: span for span in exporter.get_finished_spans()}

    yield found
    provider.shutdown()
    Agent.instrument_all(False)
    traced.instrument.cache_clear()


async def test_a_trace_goes_from_the_request_to_the_providers_call(talk, spans):
    with tracing.span("POST", CALLER):
        await talk.say("[[stream]]")
    await talk.answer()
    found = spans()
    request, turn, call = found["POST"], found["turn"], found["chat stream"]
    ids = {f"{span.context.trace_id:032x}" for span in (request, turn, call)}
    assert ids == {CALLER.split("-")[1]}
    assert turn.parent.span_id == request.context.span_id
    assert turn.start_time <= call.start_time <= call.end_time <= turn.end_time


async def test_what_is_sent_over_a_socket_begins_a_trace(tab, talk, spans):
    await tab.create("[[stream]]")
    await runner.answer(talk.conversation.id, worker=talk.worker.id, pool="interactive")
    found = spans()
    message, turn, call = found["websocket message"], found["turn"], found["chat stream"]
    assert turn.parent.span_id == message.context.span_id
    assert call.context.trace_id == message.context.trace_id


async def test_a_client_may_begin_the_trace_of_its_request(spans):
    seen = []

    async def site(scope, receive, send):
        seen.append(tracing.traceparent())

    scope = {"type": "http", "method": "GET", "path": "/v1/models"}
    await Requests(site)({**scope, "headers": [(b"traceparent", CALLER.encode())]}, None, None)
    request = spans()["GET"]
    assert f"{request.parent.span_id:016x}" == CALLER.split("-")[2]
    assert seen[0].split("-")[1] == CALLER.split("-")[1]


async def test_an_exception_leaves_its_type_in_a_span_and_no_text(spans):
    with pytest.raises(ValueError, match=DIARY), tracing.span("POST"):
        raise ValueError(DIARY)
    (span,) = spans().values()
    assert (span.status.is_ok, span.status.description) == (False, "ValueError")
    assert DIARY not in span.to_json()


async def test_no_span_holds_what_was_said(talk, spans):
    await talk.hear(f'[[tool name=fail arguments={{"how":"{DIARY}"}}]] {DIARY}')
    kept = "".join(span.to_json() for span in spans().values())
    assert "chat stream" in kept
    assert DIARY not in kept
    assert "Be kind" not in kept


async def test_lines_of_a_traced_turn_carry_its_ids(talk, spans, entries):
    await talk.hear("[[stream]]")
    (ended,) = entries("turn_ended")
    assert ended["trace_id"] == f"{spans()['turn'].context.trace_id:032x}"


async def test_without_a_collector_nothing_is_kept(talk, settings):
    settings.TRACES_URL = ""
    tracing.provider.cache_clear()
    turn = await talk.hear("[[stream]]")
    assert "traceparent" not in turn.origin
