import io
import json
import logging
import subprocess
import sys

import pydantic
import pytest
import structlog

from agentsite import logs

BRING_A_HANDLER = """
import logging
logger = logging.getLogger("uvicorn.access")
logger.addHandler(logging.StreamHandler())
from agentsite import logs
logs.configure({"level": "INFO"})
print(logger.handlers, logger.propagate)
"""


@pytest.fixture
def lines():
    """What the site's handler writes, line by line."""
    options = logs.stdlib("INFO")["formatters"]["json"]
    handler = logging.StreamHandler(written := io.StringIO())
    handler.setFormatter(options.pop("()")(**options))
    logging.getLogger().addHandler(handler)
    yield lambda: written.getvalue().splitlines()
    logging.getLogger().removeHandler(handler)


class Model(pydantic.BaseModel):
    number: int


def test_a_line_is_one_json_object_with_its_event_and_fields(lines):
    structlog.get_logger("conversations.turns").warning("turn.ended", state="completed", events=3)
    (entry,) = map(json.loads, lines())
    assert entry["event"] == "turn.ended"
    assert (entry["logger"], entry["level"]) == ("conversations.turns", "warning")
    assert (entry["state"], entry["events"]) == ("completed", 3)


@pytest.mark.parametrize("field", ["text", "prompt", "arguments", "token", "api_key"])
def test_what_a_person_wrote_and_secrets_are_withheld(lines, field):
    structlog.get_logger("a").warning("turn.ended", **{field: "my diary"})
    (line,) = lines()
    assert json.loads(line)[field] == "[withheld]"
    assert "my diary" not in line


def test_a_record_of_another_library_becomes_such_a_line_too(lines):
    extra = {"status_code": 404, "request": "my diary"}
    logging.getLogger("django.request").warning("Not\nFound: %s", "/x", extra=extra)
    (entry,) = map(json.loads, lines())
    assert (entry["event"], entry["status_code"]) == ("Not\nFound: /x", 404)
    assert "request" not in entry


def test_an_exception_is_logged_without_the_data_that_it_quotes(lines):
    try:
        Model(number="my diary")
    except pydantic.ValidationError:
        structlog.get_logger("a").exception("failed")
    (line,) = lines()
    (exception,) = json.loads(line)["exception"]
    assert exception["type"] == "ValidationError"
    assert exception["value"] == "1 validation error for Model"
    assert "test_logs.py" in exception["frames"][0]
    assert "my diary" not in line


def test_handlers_that_libraries_bring_are_removed():
    said = subprocess.check_output([sys.executable, "-c", BRING_A_HANDLER], text=True)
    assert said.strip() == "[] True"


def test_what_an_exception_quotes_does_not_come_in_through_rqs_own_line(lines):
    said = "Worker a: job b: exception raised while executing (c)\n%s"
    logging.getLogger("rq.worker").error(said, "ValueError: my diary")
    (line,) = lines()
    assert json.loads(line)["event"] == "Worker a: job b: exception raised while executing (c)"
