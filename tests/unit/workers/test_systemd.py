import socket

import pytest

from workers.health import systemd


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_is_told_at_the_address_that_it_names(tmp_path, monkeypatch, is_abstract):
    name = f"agentsite-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0{name}" if is_abstract else str(tmp_path / "notify"))
        address = f"@{name}" if is_abstract else str(tmp_path / "notify")
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        systemd.tell(systemd.ALIVE)
        assert line.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, "/nowhere/at/all"])
def test_without_systemd_nobody_is_told(monkeypatch, address):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.tell(systemd.READY)
