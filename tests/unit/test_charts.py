"""Lines of the page Operations as SVG paths."""

from datetime import UTC, datetime, timedelta

import pytest

from conversations.admin.operations.charts import Figure, Window, chart

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = Window(END - timedelta(hours=1), END, gap=60)


def points(*told: tuple[float, float]):
    """Minutes before the end, and a value."""
    return [(END - timedelta(minutes=minutes), value) for minutes, value in told]


def test_time_runs_from_left_to_right_and_a_tenth_of_the_height_stays_free():
    (line,) = chart({"waiting": points((60, 0), (59.5, 5), (59, 10))}, HOUR)
    assert line.path == "M0.0,100.0 L5.0,54.5 L10.0,9.1"
    assert line.area == "M0.0,100.0 L5.0,54.5 L10.0,9.1 L10.0,100 L0.0,100 Z"


def test_where_nothing_is_known_no_line_is_drawn():
    (line,) = chart({"waiting": points((60, 1), (59, 1), (30, 1), (29.5, 1))}, HOUR)
    assert line.path.count("M") == 2


def test_a_single_point_is_seen():
    (line,) = chart({"waiting": points((30, 0))}, HOUR)
    assert line.path == "M300.0,100.0 L302.0,100.0"


@pytest.mark.parametrize(("highest", "height"), [(0, 100), (1, 80), (5, 9.1)])
def test_small_numbers_do_not_fill_the_chart(highest, height):
    (line,) = chart({"waiting": points((60, highest), (59.5, highest))}, HOUR, least=5)
    assert line.path == f"M0.0,{height:.1f} L5.0,{height:.1f}"


def test_two_lines_have_one_scale():
    high, low = chart({"p95": points((60, 10)), "p50": points((60, 5))}, HOUR)
    assert (high.path.split()[0], low.path.split()[0]) == ("M0.0,9.1", "M0.0,54.5")


def test_without_points_nothing_is_drawn():
    (line,) = chart({"waiting": []}, HOUR)
    assert (line.path, line.area) == ("", "")


def test_a_figure_says_in_words_what_it_draws():
    assert Figure("Waiting", "3", "12", []).label == "Waiting 3, in the last hour at most 12"
