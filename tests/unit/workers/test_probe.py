import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

import pytest

from tests.waiting import GENEROUS
from workers import identity
from workers.health import probe, status
from workers.health.status import Status


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKER_STATUS_DIR", str(tmp_path / "status"))
    return tmp_path / "status"


def said(**changes) -> Status:
    """What a worker in the best of health says; of what is to come, so that no pause ages it."""
    now = monotonic() + GENEROUS
    well = Status(
        name="worker-1",
        pool="default",
        pid=4711,
        mark=identity.mark(),
        turned=now,
        since=now,
        patience=60,
    )
    status.write(told := replace(well, **changes))
    return told


def test_a_worker_that_gets_on_is_live_and_ready(capsys):
    said()
    assert probe.main(["--live"]) == probe.main(["--ready", "--name", "worker-1"]) == 0
    assert capsys.readouterr().out == "worker-1: live\nworker-1: ready\n"


def test_a_worker_whose_loop_stands_still_is_not_live(capsys):
    told = said(turned=monotonic() - 30)
    assert told.faults(told.turned + 30) == ["its event loop stands still for 30 s"]
    assert probe.main(["--live"]) == 1
    assert "its event loop stands still for " in capsys.readouterr().out


def test_a_worker_that_fetches_nothing_while_work_waits_is_not_live(capsys):
    said(since=monotonic() - 61)
    assert probe.main(["--live"]) == 1
    assert "work waits and it fetched none" in capsys.readouterr().out


def test_a_worker_whose_process_is_gone_is_not_live(capsys):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = identity._mark(child.pid)
    said(mark=mark)
    assert probe.main(["--live"]) == 1
    assert "its process is gone" in capsys.readouterr().out


def test_a_worker_that_lacks_something_lives_but_is_not_ready(capsys):
    said(lacking={"redis_queue": "ConnectionError: see that it runs"}, closed=["not_ready"])
    assert probe.main(["--live"]) == 0
    assert probe.main(["--ready"]) == 1
    assert "worker-1: redis_queue: ConnectionError: see that it runs" in capsys.readouterr().out


@pytest.mark.parametrize(("reason", "answer"), [("drained", 1), ("pool paused", 0)])
def test_a_drained_worker_is_not_ready_and_a_paused_one_only_rests(reason, answer):
    said(closed=[reason])
    assert probe.main(["--ready"]) == answer


def test_where_no_worker_is_meant_none_is_well(capsys):
    said()
    assert probe.main(["--live", "--pid", "1"]) == 1
    assert "no such worker" in capsys.readouterr().out


def test_one_bad_worker_among_many_is_named_alone(capsys):
    said()
    said(name="worker-2", turned=monotonic() - 30)
    assert probe.main(["--live"]) == 1
    assert capsys.readouterr().out.startswith("worker-2: its event loop")


def test_what_a_killed_worker_said_is_cleared_away(home):
    said()
    said(name="dead", mark="4194305-1")
    status.sweep()
    assert [path.name for path in home.iterdir()] == ["worker-1.json"]


@contextmanager
def full_disk():
    """As good as one: no file grows."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_who_cannot_write_does_not_leave_what_it_said_before(home):
    said()
    with full_disk(), pytest.raises(OSError, match="File too large"):
        said()
    assert list(home.iterdir()) == []


def test_who_has_no_folder_to_write_into_says_so_and_goes_on(home):
    home.write_text("no folder")
    with pytest.raises(FileExistsError):
        said()
    status.forget("worker-1")
    assert list(status.everyone()) == []


def test_a_folder_that_cannot_be_looked_into_is_nobodys(monkeypatch):
    monkeypatch.setenv("WORKER_STATUS_DIR", "x" * 300)
    status.sweep()
    assert list(status.everyone()) == []


def test_what_workers_say_is_for_their_own_account(home):
    said()
    assert home.stat().st_mode & 0o077 == 0


def test_what_another_account_says_is_not_believed(home, monkeypatch, capsys):
    said()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    assert probe.main(["--live"]) == 1
    with pytest.raises(PermissionError, match="WORKER_STATUS_DIR"):
        said()


def test_a_probe_loads_neither_django_nor_a_client_of_any_server():
    code = "import sys; from workers.health import probe; print('django' in sys.modules, 'redis' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
