"""A worker whose dependencies are taken away: it fetches nothing, says so, and comes back by itself."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from devtools import readiness
from devtools.ports import free_port
from tests.acceptance.workers.conftest import Fleet
from tests.forks import ROOT, Fork
from tests.waiting import GENEROUS, eventually
from workers.health import status
from workers.observing.tallies import Tallies


@pytest.fixture(autouse=True)
def _own_statuses(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKER_STATUS_DIR", str(tmp_path / "status"))


@pytest.fixture
def worker(fleet: Fleet, tmp_path):
    """Starts one, and returns it once it has said something."""

    def start(**environment: str) -> Fork:
        told = {"WORKER_STATUS_DIR": str(tmp_path / "status")}
        process = fleet.start("agentworker", **told | environment)
        eventually(lambda: status.of(process.pid))
        return process

    return start


@pytest.fixture
def closed_database(transactional_db):
    """While the block runs, PostgreSQL takes nobody into the tests' database."""
    name = connection.settings_dict["NAME"]
    server = urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres").geturl()

    @contextmanager
    def closed():
        with psycopg.connect(server, autocommit=True) as other:
            other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            try:
                yield
            finally:
                other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    yield closed
    connection.close()
    connection.close_pool()


def asked(process: Fork, what: str) -> tuple[int, str]:
    """The probe's exit status and line."""
    command = [sys.executable, "manage.py", "workerprobe", what, "--pid", str(process.pid)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def lacking(process: Fork) -> list[str]:
    return sorted(status.of(process.pid).lacking)


def test_a_worker_without_one_redis_fetches_nothing_until_it_is_back(
    fleet, worker, other_redis, tmp_path
):
    folder = tmp_path / "metrics"
    process = worker(REDIS_LIVE_URL=other_redis.url, METRICS_DIR=str(folder))
    eventually(lambda: asked(process, "--ready")[0] == 0)
    other_redis.kill()
    eventually(lambda: lacking(process) == ["redis_live"])
    eventually(lambda: counted(folder, "agentsite_gates_closed", reason="not_ready") == 1)
    assert counted(folder, "agentsite_not_ready", role="worker", part="redis_live") == 1
    assert counted(folder, "agentsite_slots") > 0
    eventually(lambda: asked(process, "--live")[0] == 0)  # unless it just stood still
    assert "REDIS_LIVE_URL runs" in asked(process, "--ready")[1]
    fleet.enqueue("noop", "a")
    other_redis.start()
    fleet.hears("a", "done")
    eventually(lambda: asked(process, "--ready")[0] == 0)
    eventually(lambda: counted(folder, "agentsite_gates_closed", reason="not_ready") == 0)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["QUEUE", "CACHE"])
def test_a_worker_names_the_role_whose_redis_hangs(worker, other_redis, role):
    process = worker(**{f"REDIS_{role}_URL": other_redis.url})
    other_redis.freeze()
    eventually(lambda: lacking(process) == [f"redis_{role.lower()}"])
    other_redis.thaw()
    eventually(lambda: not lacking(process))


@pytest.mark.slow
def test_a_worker_without_postgresql_comes_back_with_it(fleet, worker, closed_database):
    process = worker()
    with closed_database():
        eventually(lambda: "postgresql" in lacking(process))
        assert "DATABASE_URL" in asked(process, "--ready")[1]
    eventually(lambda: not status.of(process.pid).wants())
    fleet.enqueue("noop", "a")
    fleet.hears("a", "done")


@pytest.mark.slow
def test_a_worker_whose_key_no_replica_has_fetches_nothing(fleet, worker, redis_client):
    process = worker(SECRET_KEY="another")
    announce = "from workers.fleet import peers; peers.announce_replica()"
    fleet.manage("shell", "-c", announce)
    eventually(lambda: lacking(process) == ["settings"])
    assert "the same SECRET_KEY" in asked(process, "--ready")[1]


def test_a_frozen_worker_is_not_live(worker, monkeypatch):
    monkeypatch.setattr(status, "STALE", 0.5)
    process = worker()
    process.send_signal(signal.SIGSTOP)
    told = status.of(process.pid)
    eventually(lambda: told.faults(status.now()))
    assert "event loop stands still" in told.faults(status.now())[0]


def test_a_worker_that_ends_is_no_longer_asked(worker):
    process = worker()
    process.terminate()
    assert process.wait(GENEROUS) == 0
    assert status.of(process.pid) is None
    assert asked(process, "--live")[0] == 1


@pytest.mark.slow
def test_the_port_of_a_worker_that_ended_is_another_ones(worker):
    number = free_port()
    first, _ = (worker(WORKER_HTTP_PORT=str(number)) for _ in range(2))
    answers = readiness.live(number)
    eventually(lambda: answers(first.pid))
    first.terminate()
    assert first.wait(GENEROUS) == 0
    eventually(lambda: answers(first.pid))


def counted(folder: Path, name: str, **labels: str) -> float:
    """By all processes that ever counted there."""
    samples = (sample for metric in Tallies(folder).collect() for sample in metric.samples)
    wanted = (sample for sample in samples if sample.name == name)
    return sum(sample.value for sample in wanted if labels.items() <= sample.labels.items())


def done(folder: Path) -> float:
    """Jobs."""
    return counted(folder, "agentsite_jobs_total", outcome="done")


@pytest.mark.slow
def test_what_a_killed_worker_counted_stays_counted_once(fleet, worker, tmp_path):
    folder = tmp_path / "metrics"
    for number in (1, 2):
        process = worker(METRICS_DIR=str(folder))
        fleet.started("a")
        eventually(lambda: counted(folder, "agentsite_slots_busy") == 1)
        fleet.go("a")
        fleet.hears("a", "done")
        eventually(lambda: done(folder) == number)  # noqa: B023 - called at once
        process.kill()
        process.wait()
        assert done(folder) == number
    assert [path.name for path in folder.glob("gauge_*")] == []
