"""What a line says, and what never gets into one."""

import json
import logging
import subprocess
import sys
import threading

import pydantic
import pytest
import structlog

from agentsite.logs import lines, outlets
from agentsite.logs.lines import Scrubber
from tests.sinks import Memory
from tests.waiting import GENEROUS

BRING_A_HANDLER = """
import logging
logger = logging.getLogger("uvicorn.access")
logger.addHandler(logging.StreamHandler())
import django
django.setup()
print(logger.handlers, logger.propagate)
"""
SECRETS = ("s3cret-key-of-the-site", 'with "quotes" and ü')


@pytest.fixture
def written():
    """What is written of what this thread logs from now on, line by line.

    Others of the process may log too: what an earlier test has started and not waited for.
    """
    outlet = outlets.Outlet(memory := Memory(), Scrubber(SECRETS), capacity=100)
    handler, here = outlets.OutletHandler([outlet]), threading.get_ident()
    handler.addFilter(lambda record: record.thread == here)
    logging.getLogger().addHandler(handler)

    def lines() -> list[str]:
        assert outlet.flush(GENEROUS)
        return memory.lines

    yield lines
    logging.getLogger().removeHandler(handler)
    handler.close()


class Model(pydantic.BaseModel):
    number: int


def test_a_line_is_one_json_object_with_its_event_and_fields(written):
    structlog.get_logger("conversations.turns").warning("turn.ended", state="completed", events=3)
    (entry,) = map(json.loads, written())
    assert list(entry)[:4] == ["timestamp", "level", "event", "logger"]
    assert entry["event"] == "turn.ended"
    assert (entry["logger"], entry["level"]) == ("conversations.turns", "warning")
    assert (entry["state"], entry["events"]) == ("completed", 3)


def test_a_line_carries_what_is_bound_where_it_was_logged(written):
    with structlog.contextvars.bound_contextvars(turn="t1", request="r1"):
        structlog.get_logger("a").warning("ours")
        logging.getLogger("rq.worker").warning("theirs")
    structlog.get_logger("a").warning("after")
    ours, theirs, after = map(json.loads, written())
    assert (ours["turn"], ours["request"]) == (theirs["turn"], theirs["request"]) == ("t1", "r1")
    assert "turn" not in after


@pytest.mark.parametrize("field", ["text", "prompt", "arguments", "token", "api_key", "result"])
def test_what_a_person_wrote_and_secrets_are_withheld(written, field):
    structlog.get_logger("a").warning("turn.ended", **{field: "my diary"})
    (line,) = written()
    assert json.loads(line)[field] == "[withheld]"
    assert "my diary" not in line


@pytest.mark.parametrize(
    "secret",
    [
        *SECRETS,
        "Bearer abcdef0123456789",
        "sk-proj-abcdef0123456789",
        "ags_abcdef0123456789",
        "redis://default:hunter2-hunter2@redis:6379/0",
    ],
)
def test_a_secret_is_struck_out_wherever_it_stands(written, secret):
    logging.getLogger("some.library").warning("calling with %s now", secret)
    (line,) = written()
    event = json.loads(line)["event"]
    assert lines.STRUCK in event
    assert event.startswith("calling with ")
    assert event.endswith(" now")
    assert not {secret, "hunter2-hunter2", "abcdef0123456789"} & set(
        event.replace("@", " ").split()
    )


@pytest.mark.parametrize("secret", ["n23456789", "u0001abcdef", "secret\n\\", "sk-proj-abcdef"])
@pytest.mark.parametrize("before", ["\n", "\x01", "\\", '"', ""])
def test_a_line_in_which_something_is_struck_out_is_still_json(secret, before):
    scrub = Scrubber([secret])
    told = json.loads(scrub(lines.dumped({"event": f"{before}{secret}"})))
    assert told == {"event": f"{before}{lines.STRUCK}"}
    harmless = lines.dumped({"event": f"{before}{secret[1:]}{before}"})
    assert scrub(harmless) == harmless


def test_a_record_of_another_library_becomes_such_a_line_too(written):
    extra = {"status_code": 404, "request": "my diary"}
    logging.getLogger("django.request").warning("Not\nFound: %s", "/x", extra=extra)
    (entry,) = map(json.loads, written())
    assert (entry["event"], entry["status_code"]) == ("Not", 404)
    assert "request" not in entry


def test_an_access_line_tells_neither_who_asked_nor_the_query(written):
    said = '%s - "%s %s HTTP/%s" %d'
    args = ("10.1.2.3:4711", "GET", "/list/?q=my+diary", "1.1", 200)
    logging.getLogger("uvicorn.access").warning(said, *args)
    (line,) = written()
    entry = json.loads(line)
    assert (entry["event"], entry["method"], entry["path"]) == ("request", "GET", "/list/")
    assert entry["status_code"] == 200
    assert "diary" not in line
    assert "10.1.2.3" not in line


def test_an_exception_is_logged_without_the_data_that_it_quotes(written):
    try:
        Model(number="my diary")
    except pydantic.ValidationError:
        structlog.get_logger("a").exception("failed")
    (line,) = written()
    (exception,) = json.loads(line)["exception"]
    assert exception["type"] == "ValidationError"
    assert "test_logs.py" in exception["frames"][0]
    assert "my diary" not in line


def test_an_exception_of_a_server_or_a_file_tells_what_is_wrong(written):
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise ValueError("my diary") from error
    except ValueError:
        structlog.get_logger("a").exception("failed")
    (line,) = written()
    outer, inner = json.loads(line)["exception"]
    assert (outer["type"], inner["value"]) == ("ValueError", "[Errno 111] Connection refused")
    assert "my diary" not in line


def test_an_exception_that_is_only_derived_from_the_systems_tells_nothing(written):
    """As those of requests are: https://requests.readthedocs.io/en/latest/api/#exceptions."""
    try:
        raise ConnectionError("Max retries exceeded with url: /search/my diary")
    except OSError:
        structlog.get_logger("a").exception("failed")
    (line,) = written()
    (exception,) = json.loads(line)["exception"]
    assert (exception["type"], "value" in exception) == ("ConnectionError", False)
    assert "my diary" not in line


@pytest.mark.parametrize("end", ["", " now", '"', "'", ")", "\n"])
def test_the_query_of_an_address_is_struck_out(end):
    """As uvicorn tells whole ones of websockets, and clients of what they ask."""
    scrub = Scrubber(())
    told = json.loads(scrub(lines.dumped({"event": f"of /a/b?q=my+diary&n[]=%C3%BC{end}"})))
    assert told == {"event": f"of /a/b?{lines.STRUCK}{end}"}
    harmless = lines.dumped({"event": "is it 1=1? what=ever"})
    assert scrub(harmless) == harmless


def test_an_exception_of_another_library_is_kept_in_the_same_way(written):
    try:
        int("my diary")
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved\nmy diary")
    (line,) = written()
    assert json.loads(line)["exception"][0]["type"] == "ValueError"
    assert "my diary" not in line


def test_what_an_exception_quotes_does_not_come_in_through_rqs_own_line(written):
    said = "Worker a: job b: exception raised while executing (c)\n%s"
    logging.getLogger("rq.worker").error(said, "ValueError: my diary")
    (line,) = written()
    assert json.loads(line)["event"] == "Worker a: job b: exception raised while executing (c)"


def test_arguments_that_do_not_fit_their_message_are_no_fault_of_the_caller(written, capfd):
    record = logging.LogRecord("a", logging.WARNING, "", 0, "%d", ("my diary",), None)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, outlets.OutletHandler):
            handler.handle(record)
    assert json.loads(written()[0])["event"] == "unloggable"
    assert "my diary" not in capfd.readouterr().err


def test_what_json_does_not_know_is_still_a_line(written):
    circle = {}
    circle["circle"] = circle
    structlog.get_logger("a").warning("odd", value={1, 2}, deep=circle)
    structlog.get_logger("a").warning("even")
    assert [json.loads(line)["event"] for line in written()] == ["unloggable", "even"]


def test_handlers_that_libraries_bring_are_removed():
    said = subprocess.check_output([sys.executable, "-c", BRING_A_HANDLER], text=True)
    assert said.strip() == "[] True"
