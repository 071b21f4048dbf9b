"""A turn's life in words and as a bar."""

from datetime import UTC, datetime, timedelta

import pytest

from conversations.admin.timeline import duration, phases, tokens, total
from conversations.models import Turn

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.34, "340 ms"),
        (2.14, "2.1 s"),
        (34.9, "34 s"),
        (64, "1 min 4 s"),
        (3599.9, "59 min 59 s"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_as_exact_as_anybody_needs(seconds, words):
    assert duration(seconds) == words


def test_the_phases_of_a_finished_turn_fill_its_bar():
    turn = Turn(created=BEGIN, started=after(1), first_token=after(2), finished=after(4))
    assert [phase.name for phase in phases(turn)] == ["queued", "thinking", "streaming"]
    assert [phase.left for phase in phases(turn)] == ["0.00", "25.00", "50.00"]
    assert [phase.width for phase in phases(turn)] == ["25.00", "25.00", "50.00"]


def test_a_turn_that_asked_a_person_has_not_streamed_all_the_time():
    turn = Turn(created=BEGIN, started=BEGIN, first_token=after(1), waited=1)
    assert phases(turn, now=after(61))[-1].words == "streamed and waited for an answer 1 min 0 s"


def test_a_turn_that_nobody_took_yet_has_been_queued_until_now():
    turn = Turn(created=BEGIN)
    (phase,) = phases(turn, now=after(90))
    assert (phase.words, phase.width) == ("queued 1 min 30 s", "100.00")


def test_a_turn_that_failed_before_a_word_has_no_stream():
    turn = Turn(created=BEGIN, started=after(1), finished=after(3))
    assert [phase.name for phase in phases(turn)] == ["queued", "thinking"]
    assert total(turn) == "3.0 s"


def test_no_turn_took_less_than_no_time():
    assert total(Turn(created=BEGIN, finished=after(-0.001))) == "0 ms"


def test_tokens_are_told_when_the_model_told_them():
    assert tokens(Turn(usage={"input_tokens": 7, "output_tokens": 2})) == "7 in, 2 out"
    assert tokens(Turn()) == ""
