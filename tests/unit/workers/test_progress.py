from datetime import UTC, datetime, timedelta

import pytest

from workers.health.progress import Progress

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PATIENCE = 120  # seconds


def progress(*, waits=None, succeeded=None):
    """With the times as `timedelta`s before NOW."""
    return Progress(
        now=NOW,
        waiting_since=None if waits is None else NOW - waits,
        succeeded_at=None if succeeded is None else NOW - succeeded,
    )


@pytest.mark.parametrize("succeeded", [None, timedelta(hours=1), timedelta(days=30)])
def test_an_idle_service_is_well_however_long_ago_it_did_anything(succeeded):
    assert not progress(succeeded=succeeded).is_stuck(PATIENCE)


@pytest.mark.parametrize("days", [0, 1, 2, 400])
def test_work_that_waits_while_none_succeeds_is_stuck_over_any_number_of_days(days):
    long_ago = timedelta(days=days, minutes=3)
    assert progress(waits=long_ago, succeeded=long_ago).is_stuck(PATIENCE)


def test_work_that_waits_just_over_a_day_is_not_taken_for_new():
    waits = timedelta(days=1, seconds=5)  # `.seconds` of this is 5
    assert progress(waits=waits, succeeded=waits).oldest_waiting == 86_405
    assert progress(waits=waits, succeeded=waits).since_success == 86_405


def test_a_backlog_is_not_stuck_while_work_succeeds():
    assert not progress(waits=timedelta(days=2), succeeded=timedelta(seconds=4)).is_stuck(PATIENCE)


def test_work_that_came_after_a_quiet_week_is_given_its_time():
    assert not progress(waits=timedelta(seconds=9), succeeded=timedelta(days=7)).is_stuck(PATIENCE)


def test_a_service_that_never_succeeded_is_stuck_when_its_first_work_waits():
    assert progress(waits=timedelta(minutes=3)).is_stuck(PATIENCE)


def test_clocks_that_disagree_make_no_negative_age():
    assert progress(waits=-timedelta(seconds=1)).oldest_waiting == 0
