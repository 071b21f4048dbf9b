import os
import sys

import pytest

from agentsite import checks
from tests.forks import Fork
from tests.waiting import GENEROUS

DEMO = "workers.agents.demo.agent"

PRODUCTION = {
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "HTTPS": "1",
    "ALLOWED_HOSTS": "chat.example.org",
    "ALLOWED_ORIGINS": "https://chat.example.org",
}


@pytest.fixture
def check_deploy(tmp_path):
    """The check's status and what it says, where so much is changed in the environment."""

    def check(**changed):
        words = ["manage.py", "check", "--deploy", "--fail-level", "WARNING"]
        log = tmp_path / "log"
        return Fork(words, os.environ | PRODUCTION | changed, log).wait(GENEROUS), log.read_text()

    return check


def test_production_settings_have_no_warning(check_deploy):
    assert check_deploy() == (0, "System check identified no issues (0 silenced).\n")


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("DATABASE_POOL_SIZE", "many", "DATABASE_POOL_SIZE is not a whole number"),
        ("HTTPS", "perhaps", "HTTPS is neither true nor false"),
        ("SECRET_KEY_FILE", "/nowhere", "SECRET_KEY_FILE names /nowhere, which cannot be read"),
        ("AGENTS", '{"x": "a.b"}', "AGENTS['x'] is not a JSON object"),
        ("AGENT_DEFAULT", "nobody", "Set it to one of demo"),
        ("AGENT_DEFAULT", "carried", "set it to an agent with another store"),
        ("ALLOWED_ORIGINS", "http://chat.example.org", "Name addresses with https:// only"),
        ("ALLOWED_HOSTS", "*", "Name the site's own hosts"),
        ("SECRET_KEY", "short", "security.W009"),
    ],
)
def test_a_wrong_value_is_a_check_that_says_the_mend(check_deploy, variable, value, expected):
    status, said = check_deploy(**{variable: value})
    assert status == 1
    assert expected in said


def test_all_wrong_values_are_told_at_once(check_deploy):
    """Of days below 0 every conversation would be older."""
    numbers = {"RETENTION_DAYS": "-1", "WORKER_HTTP_PORT": "91000", "TRACES_PERCENT": "101"}
    status, said = check_deploy(**numbers, LOG_LEVEL="debug", POOLS='{"default": 5}')
    assert status == 1
    assert "RETENTION_DAYS is -1: set it to 0 or more" in said
    assert "WORKER_HTTP_PORT is 91000: set it to 0 to 65535" in said
    assert "TRACES_PERCENT is 101: set it to 0 to 100" in said
    assert "LOG_LEVEL is 'debug': set it to one of INFO, DEBUG" in said
    assert "POOLS['default'] is not a JSON object" in said


@pytest.mark.parametrize(
    "address",
    [
        "postgres:/ada:tell-nobody@db.example.org/site",
        "postgresql://ada:tell-nobody%zz@db.example.org/site",
        "postgresql://ada:tell-nobody@[db.example.org/site",
    ],
)
def test_an_address_that_cannot_be_read_is_not_told(check_deploy, address):
    status, said = check_deploy(DATABASE_URL=address)
    assert status == 1
    assert "DATABASE_URL is neither a PostgreSQL URL nor" in said
    assert "tell-nobody" not in said


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"agent": DEMO, "deps": "conversations.records.of", "queue": None}, []),
        ({"agent": DEMO, "store": "attic"}, ["agentsite.E003"]),
        ({"agent": DEMO, "queue": "attic"}, ["agentsite.E003"]),
        ({"agent": DEMO, "strore": "hybrid"}, ["agentsite.E008"]),
        ({"store": "hybrid"}, ["agentsite.E008"]),
        (DEMO, ["agentsite.E008"]),
        ({"agent": "no.such.agent"}, ["agentsite.E009"]),
        ({"agent": "agent"}, ["agentsite.E009"]),
        ({"agent": DEMO, "deps": "conversations.no_such.deps"}, ["agentsite.E009"]),
    ],
)
def test_an_agent_that_could_answer_nothing_is_an_error(settings, entry, told):
    settings.AGENTS = {"pirate": entry}
    settings.AGENT_DEFAULT = "pirate"
    assert [error.id for error in (*checks.names(None), *checks.tools(None))] == told


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"url": "https://tools.example.org/mcp"}, []),
        ({"url": "tools.example.org"}, ["agentsite.E004"]),
        ({"address": "https://tools.example.org"}, ["agentsite.E004"]),
    ],
)
def test_a_tool_server_is_named_in_full(settings, server, told):
    settings.AGENTS = {"pirate": {"agent": "x.agent", "mcp": {"shop": server}}}
    assert [error.id for error in checks.tools(None)] == told


def test_tool_servers_without_names_are_an_error(settings):
    settings.AGENTS = {"pirate": {"agent": DEMO, "mcp": ["https://tools.example.org/mcp"]}}
    assert [error.id for error in checks.tools(None)] == ["agentsite.E004"]


@pytest.mark.parametrize(
    ("address", "told"),
    [("", []), ("http://collector:4318/", []), ("http://collector:43x18/", ["agentsite.E007"])],
)
def test_a_service_for_logs_that_nobody_can_ask_is_an_error(settings, address, told):
    settings.LOGGING = settings.LOGGING | {"service": {"address": address}}
    assert [error.id for error in checks.log_service(None)] == told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", []),
        ("http://collector:4318/v1/traces", []),
        ("collector:4318", ["agentsite.E010"]),
        ("http://collector:43x18/", ["agentsite.E010"]),
    ],
)
def test_a_collector_of_traces_that_nobody_can_ask_is_an_error(settings, address, told):
    settings.TRACES_URL = address
    assert [error.id for error in checks.traces(None)] == told


def test_traces_without_their_libraries_are_an_error(settings, monkeypatch):
    """Else every request would be one."""
    settings.TRACES_URL = "http://collector:4318/v1/traces"
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    [error] = checks.traces(None)
    assert "requirements-extras.txt" in error.hint


def test_a_network_is_a_network(settings):
    settings.TOOL_NETWORKS = ["10.1.0.0/16", "10.1.0.1/16"]
    assert [error.id for error in checks.tools(None)] == ["agentsite.E005"]
