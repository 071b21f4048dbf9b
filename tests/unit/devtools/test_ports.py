"""Ports for servers: whoever asks gets one of his own."""

import asyncio
import socket

import pytest

from devtools import ports


def test_a_port_that_was_given_away_is_not_given_again():
    port = ports.free_port()
    assert not ports.reserve(port)


async def test_a_server_can_have_it_and_have_it_again():
    port = ports.free_port()
    for _ in range(2):
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
        server.close()
        await server.wait_closed()


def test_one_on_which_a_server_listens_is_not_given():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not ports.reserve(server.getsockname()[1])


def test_none_left_is_said(monkeypatch):
    monkeypatch.setattr(ports, "LOWEST", (only := ports.free_port()))
    monkeypatch.setattr(ports, "HIGHEST", only + 1)
    monkeypatch.setattr(ports, "TRIES", 1)
    with pytest.raises(ports.NoFreePort, match="between"):
        ports.free_port()
