"""The port of a process that is no replica: probes and metrics over HTTP."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from devtools.ports import free_port
from tests.unit.workers.test_probe import said
from tests.waiting import GENEROUS
from workers.health.port import Port


@pytest.fixture
def door(settings, tmp_path, monkeypatch):
    """Of a worker in the best of health, or as the test says."""
    monkeypatch.setenv("WORKER_STATUS_DIR", str(tmp_path))
    settings.WORKER_HTTP_PORT = free_port()
    worker = {}
    server = Port(lambda: said(**worker))
    assert server.take()

    def get(path, **headers):
        url = f"http://127.0.0.1:{settings.WORKER_HTTP_PORT}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    yield worker, get
    server.close()


def test_a_worker_answers_probes_over_http(door):
    worker, get = door
    assert get("/livez")[0] == get("/readyz")[0] == 200
    worker["lacking"] = {"redis_live": "ConnectionError: see that it runs"}
    assert get("/livez")[0] == 200
    assert (get("/readyz")[0], "redis_live" in get("/readyz")[1]) == (503, True)
    worker["turned"] = 0
    assert get("/livez")[0] == 503


def test_a_worker_that_finds_the_port_taken_says_so_once_and_has_it_when_the_other_ends(
    settings, caplog
):
    settings.WORKER_HTTP_PORT = free_port()
    first, second = Port(said), Port(said)
    assert (first.take(), second.take(), second.take()) == (True, False, False)
    first.close()
    assert second.take()
    second.close()
    said_here = [line for line in caplog.records if line.name == "workers.health.port"]
    assert [line.msg["event"] for line in said_here] == ["port_not_taken"]


FORKING = """
import os, sys
from django.conf import settings
settings.configure(WORKER_HTTP_PORT=int(sys.argv[1]), WORKER_HTTP_HOST="127.0.0.1", METRICS_DIR="")
from workers.health.port import Port
port = Port(None)
assert port.take()
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
os._exit(0)
"""


def test_a_child_that_outlives_its_parent_does_not_keep_the_port(settings):
    settings.WORKER_HTTP_PORT = free_port()
    words = [sys.executable, "-c", FORKING, str(settings.WORKER_HTTP_PORT)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"forked\n"
        parent.wait(GENEROUS)
        port = Port(said)
        assert port.take()
        port.close()


def test_a_port_is_opened_without_asking_for_names(settings, monkeypatch):
    """A name server that is away would hold up whoever opens it."""
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("it asked"))
    settings.WORKER_HTTP_PORT = free_port()
    port = Port(said)
    assert port.take()
    port.close()


def test_a_worker_shows_its_metrics_to_those_who_may_see_them(door, settings):
    _, get = door
    assert "agentsite_loop_lag_seconds" in get("/metrics")[1]
    settings.METRICS_TOKEN = "a-long-token"
    assert get("/metrics")[0] == 404
    assert get("/metrics", Authorization="Bearer a-long-token")[0] == 200
