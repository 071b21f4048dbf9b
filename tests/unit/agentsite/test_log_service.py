"""Lines for a central service, which is a small real one here."""

import json

import pytest
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from agentsite.logs import outlets, service
from agentsite.logs.lines import Said, Scrubber
from agentsite.logs.service import Service
from tests.counting import counted, value
from tests.unit.agentsite.central import Central
from tests.waiting import GENEROUS, eventually

FAST = 0.01  # seconds
BATCHES = "agentsite_log_batches_total"


@pytest.fixture
def central(monkeypatch):
    monkeypatch.setattr(service, "FIRST_PAUSE", FAST)
    monkeypatch.setattr(service, "TIMEOUT", GENEROUS)
    with Central() as server:
        yield server
        server.shutdown()


@pytest.fixture
def outlet(central):
    """For plain JSON."""
    sink = Service(central.address, form="json", headers={"Authorization": "Bearer abc"})
    made = outlets.Outlet(sink, Scrubber(()), capacity=1000, linger=FAST)
    yield made
    made.close()


def said(number: int, **fields: object) -> Said:
    return Said(1.5, "warning", "test", 1, {"event": "e", "number": number, **fields})


def numbers(central: Central) -> list[int]:
    return [entry["number"] for batch in central.taken for entry in batch]


def test_lines_arrive_in_batches_on_one_connection(outlet, central):
    central.may_answer.clear()
    outlet.offer(said(0))
    assert central.asked.acquire(timeout=GENEROUS)
    for number in range(1, 100):
        outlet.offer(said(number))
    central.may_answer.set()
    assert outlet.flush(GENEROUS)
    assert numbers(central) == list(range(100))
    assert len(central.taken) == 2
    assert central.connections == 1
    assert central.headers[0]["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_has_too_much_to_do_gets_the_batch_later(outlet, central, status):
    central.statuses = [status] * 3
    with counted(BATCHES, by=3, outcome="failed"), counted(BATCHES, outcome="sent"):
        outlet.offer(said(1))
        assert outlet.flush(GENEROUS)
    assert numbers(central) == [1]
    assert len(central.headers) == 4


def test_a_service_that_is_away_is_asked_ever_more_seldom_or_when_it_says(central):
    sink, times = Service(central.address, form="json"), 15
    central.statuses = [503] * times
    pauses = list(sink.write([(said(1), "{}")]))
    assert len(pauses) == times
    for number, pause in enumerate(pauses):
        whole = min(FAST * 2**number, service.LONGEST_PAUSE)
        assert whole / 2 <= pause <= whole
    central.statuses, central.retry_after = [429, 503], "7"
    assert list(sink.write([(said(2), "{}")])) == [7, 7]
    sink.end()


def test_a_batch_that_the_service_refuses_is_not_sent_for_ever(outlet, central):
    central.statuses = [400]
    outlet.offer(said(1))
    assert outlet.flush(GENEROUS)
    outlet.offer(said(2))
    assert outlet.flush(GENEROUS)
    assert numbers(central) == [2]


def test_a_service_that_never_answers_is_asked_again(central, outlet, monkeypatch):
    monkeypatch.setattr(service, "TIMEOUT", 0.2)
    central.may_answer.clear()
    outlet.offer(said(1))
    for _ in range(2):
        assert central.asked.acquire(timeout=GENEROUS)
    central.may_answer.set()
    assert outlet.flush(GENEROUS)
    assert set(numbers(central)) == {1}


@pytest.mark.parametrize("length", [10_000, 2_000_000])
def test_a_batch_that_is_too_large_goes_in_halves(central, length):
    """A long one is refused while it is still on its way."""
    central.largest = 7 * length // 2
    lines = [said(number, odd="x" * length) for number in range(7)]
    sink = Service(central.address, form="json")
    assert not list(sink.write([(line, json.dumps(line.fields)) for line in lines]))
    assert numbers(central) == list(range(7))
    assert len(central.taken) == 3
    sink.end()


def test_a_line_that_is_too_large_is_not_sent_for_ever(central, outlet):
    central.largest = 1_000
    outlet.offer(said(1, odd="x" * 1_000))
    assert outlet.flush(GENEROUS)
    outlet.offer(said(2))
    assert outlet.flush(GENEROUS)
    assert numbers(central) == [2]


def test_a_service_that_is_away_drops_only_what_does_not_fit(central):
    sink = Service("http://127.0.0.1:1/")
    outlet = outlets.Outlet(sink, Scrubber(()), capacity=5)
    failed = value(BATCHES, outcome="failed")
    outlet.offer(said(0))
    eventually(lambda: value(BATCHES, outcome="failed") > failed)  # it is on its way alone
    for number in range(1, 100):
        outlet.offer(said(number))
    assert outlet.dropped == 94  # five wait
    sink._address = Service(central.address)._address
    eventually(lambda: central.taken)
    outlet.close()


def test_a_process_that_ends_does_not_wait_for_a_service_that_is_away(monkeypatch):
    monkeypatch.setattr(service, "FIRST_PAUSE", 9 * GENEROUS)
    outlet = outlets.Outlet(Service("http://127.0.0.1:1/"), Scrubber(()), capacity=5)
    outlet.offer(said(1))
    outlet.close()
    eventually(lambda: not outlet._thread.is_alive())


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("http://collector:43x18/v1/logs", {}),
        ("http://.collector/v1/logs", {}),
        ("http://[collector/v1/logs", {}),
        ("collector:4318", {}),
        ("http://127.0.0.1:1/", {"Authorization": "Bearer s3cret\n"}),
        ("http://127.0.0.1:1/", {"Authorization": ["s3cret"]}),
    ],
)
def test_settings_that_no_request_can_have_are_told_and_quote_no_secret(address, headers):
    fault = Service(address, headers=headers).fault()
    assert fault.startswith("LOG_SERVICE_HEADERS" if headers else "LOG_SERVICE_URL")
    assert "s3cret" not in fault


def test_settings_that_a_request_can_have_are_no_fault(central):
    assert not Service(central.address, headers={"Authorization": "Bearer abc"}).fault()
    assert not Service("https://[::1]:4318/v1/logs?a=b").fault()
    assert not central.connections


def test_lines_that_cannot_be_sent_are_counted_and_the_next_are_tried(central):
    sink = Service("http://.collector/")
    outlet = outlets.Outlet(sink, Scrubber(()), capacity=5)
    before = outlet._lost._value.get()
    outlet.offer(said(1))
    assert outlet.flush(GENEROUS)
    assert outlet._lost._value.get() == before + 1
    sink._address = central.address
    outlet.offer(said(2))
    assert outlet.flush(GENEROUS)
    assert len(central.taken) == 1
    outlet.close()


@pytest.mark.parametrize("form", ["otlp", "json"])
def test_what_is_no_text_is_sent_as_near_to_it_as_may_be(central, form):
    sink = Service(central.address, form=form)
    outlet = outlets.Outlet(sink, Scrubber(()), capacity=5)
    outlet.offer(said(1, odd="a\ud800b"))
    assert outlet.flush(GENEROUS)
    assert "a?b" in json.dumps(central.taken)
    outlet.close()


def test_otlp_is_what_the_specification_says():
    batch = [
        said(1, turn="t", ok=True, share=0.5, odd=[1]),
        said(2, trace_id="ab" * 16, span_id="cd" * 8),
    ]
    lines = [(one, json.dumps({"level": one.level, **one.fields})) for one in batch]
    request = Parse(service.otlp(lines), ExportLogsServiceRequest())
    first, second = request.resource_logs[0].scope_logs[0].log_records
    assert (first.time_unix_nano, first.severity_text) == (1_500_000_000, "WARNING")
    assert first.severity_number == 13
    assert first.body.string_value == "e"
    kinds = {one.key: one.value.WhichOneof("value") for one in first.attributes}
    assert kinds == {
        "number": "int_value",
        "turn": "string_value",
        "ok": "bool_value",
        "share": "double_value",
        "odd": "string_value",
    }
    assert len(second.trace_id) > 0
