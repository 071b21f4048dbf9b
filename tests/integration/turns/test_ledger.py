"""Tools are entered before they act, and their results under the claim alone."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from django.db import connection

from conversations import turns
from conversations.errors import Fenced
from conversations.models import ToolCall
from tests.integration.turns.test_placing import waiting
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def claimed(say, claim):
    say()
    return claim()


def verbs(claimed):
    """Starting and finishing one call under a claim."""
    key = (claimed.turn_id, claimed.token, 1, "call")
    start = partial(turns.start_tool, *key, tool="roll", arguments={"sides": 6})
    return start, partial(turns.finish_tool, *key)


def test_a_call_is_entered_once_and_known_again(claimed):
    start, finish = verbs(claimed)
    assert start().fresh
    assert not start().fresh
    finish({"rolled": 4})
    again = start()
    assert (again.state, again.result, again.fresh) == ("done", {"rolled": 4}, False)


def test_the_next_attempt_finds_what_was_started_and_never_done(claimed, claim):
    verbs(claimed)[0]()
    turns.hand_back(claimed.turn_id, claimed.token)
    found = verbs(claim())[0]()
    assert (found.state, found.fresh) == ("started", False)


def test_a_lost_claim_starts_and_finishes_nothing(claimed, claim):
    start, finish = verbs(claimed)
    start()
    turns.hand_back(claimed.turn_id, claimed.token)
    for _ in range(2):
        with pytest.raises(Fenced):
            start()
        with pytest.raises(Fenced):
            finish("late")
        claim()  # by another, under which the call may be begun


def test_a_call_is_not_started_while_its_turn_is_being_taken_away(claimed):
    def start():
        try:
            return verbs(claimed)[0]()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("UPDATE conversations_turn SET state = 'queued'")
            started = pool.submit(start)
            eventually(lambda: waiting() or started.done())
        with pytest.raises(Fenced):
            started.result()


def test_calls_in_flight_at_a_cancel_are_unknown(claimed, finish):
    verbs(claimed)[0]()
    finish(claimed, "cancelled")
    assert ToolCall.objects.get().state == "unknown"
