import os
import socket

import pytest
from django.db import connection


@pytest.mark.django_db
def test_a_server_that_is_unplugged_is_given_up_in_seconds():
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
