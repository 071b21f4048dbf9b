"""What an error says of the health of whoever is asked."""

import pytest
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelOverloadedError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
)

from workers.agents.budgeted import LEAST, PAUSE, outcome_of, pause_of
from workers.ratelimit import Outcome

BROKEN = (  # as a library raises them where no status came, as from within a stream
    ModelConnectionError("m", "reset"),
    ModelTimeoutError("m", "read"),
    ModelRequestTimeout("m", 5),
    ModelServerError("m", "server_error"),
    ModelOverloadedError("m", "overloaded"),
)


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_what_breaks_without_a_status_is_a_failure(error):
    assert outcome_of(error) is Outcome.FAILED


@pytest.mark.parametrize("error", [ModelRateLimitError("m", "slow"), ModelAPIError("m", "no")])
def test_what_is_refused_without_a_status_is_none(error):
    assert outcome_of(error) is Outcome.ALIVE


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_a_provider_that_refuses_lives(status):
    assert outcome_of(ModelHTTPError(status, "m")) is Outcome.ALIVE


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_every_5xx_is_a_failure(status):
    assert outcome_of(ModelHTTPError(status, "m")) is Outcome.FAILED


def test_a_fault_of_ours_says_nothing_of_the_provider():
    assert outcome_of(KeyError()) is Outcome.NONE


@pytest.mark.parametrize(("asked", "seconds"), [(7, 7), (0.2, LEAST), (0, LEAST), (None, PAUSE)])
def test_a_refusal_is_a_pause_as_long_as_it_asks_for(asked, seconds):
    assert pause_of(ModelRateLimitError("m", "slow", retry_after=asked)) == seconds
