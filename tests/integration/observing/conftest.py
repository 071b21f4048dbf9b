"""A whole turn and all that is written about it: lines, spans, numbers."""

import json
import logging

import pytest

from agentsite.logs import outlets
from agentsite.logs.lines import Scrubber
from tests.integration.runner.conftest import asked, clients, patience, provider, talk  # noqa: F401
from tests.sinks import Memory
from tests.waiting import GENEROUS


@pytest.fixture
def written(settings):
    """Every line from now on, whatever its level."""
    outlet = outlets.Outlet(
        memory := Memory(), Scrubber(settings.LOGGING["secrets"]), capacity=100_000
    )
    handler, root = outlets.OutletHandler([outlet]), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    def lines() -> list[str]:
        assert outlet.flush(GENEROUS)
        return memory.lines

    yield lines
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


@pytest.fixture
def entries(written):
    """The lines of one event."""

    def found(event):
        return [entry for entry in map(json.loads, written()) if entry["event"] == event]

    return found
