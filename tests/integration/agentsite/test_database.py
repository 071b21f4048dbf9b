import os
import socket
from runpy import run_path

import psycopg
import pytest
from django.db import connection

from agentsite.settings import data


@pytest.mark.django_db
def test_a_server_that_is_unplugged_is_given_up_in_seconds():
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5


@pytest.mark.parametrize("limit", ["lock_timeout", "idle_in_transaction_session_timeout"])
def test_nobody_waits_for_a_lock_or_rests_in_a_transaction_for_more_than_two_seconds(limit):
    """As the settings are read anew: the tests' own connections are more patient."""
    told = run_path(data.__file__)["DATABASES"]["default"]["OPTIONS"]
    with psycopg.connect(os.environ["DATABASE_URL"], options=told["options"]) as fresh:
        assert fresh.execute(f"SHOW {limit}").fetchone() == ("2s",)
