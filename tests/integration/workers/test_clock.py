"""The fleet has one clock: how often it looks for its dead, and how often it tidies up."""

from django.db import connection

from tests.integration.workers.conftest import row


def test_the_fleet_looks_as_often_however_large_it_is(sessions, gaps):
    fleet = [sessions() for _ in range(5)]
    row(fleet[0])
    for each in fleet:
        each.look()
    gaps["look"] = 60
    clock_stands("looked", at="1")
    assert [one.look() is not None for one in fleet] == [True, False, False, False, False]


def test_a_clock_that_stands_ahead_keeps_nobody_from_looking(sessions, gaps):
    """As after a failover to a server whose own is behind."""
    session = sessions()
    row(session)
    session.look()
    gaps["look"] = 60
    clock_stands("looked", at="2 * last_value")
    assert [session.look() is not None for _ in range(2)] == [True, False]


def test_the_fleet_tidies_up_more_seldom_than_it_looks(sessions, gaps):
    session = sessions()
    row(session)
    clock_stands("tidied", at="1")
    gaps["tidy"] = 60
    assert [session.look().tidies for _ in range(3)] == [True, False, False]


def clock_stands(name: str, *, at: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT setval('workers_{name}', {at}) FROM workers_{name}")
