"""`manage.py autoscale` with real processes: what it starts outlives it only where it should."""

import json
import signal

import pytest

from tests.acceptance.workers.conftest import Fleet
from tests.forks import Fork
from tests.waiting import GENEROUS, eventually
from workers.launchers import marks
from workers.models import ScalingDecision, WorkerProcess


class Scaled:
    """Autoscalers of the default pool, and who lives because of them."""

    def __init__(self, fleet: Fleet, folder) -> None:
        self.fleet, self.folder = fleet, folder

    def start(self, *options: str) -> Fork:
        arguments = ("autoscale", "--pool", "default", "--every", "0.2", *options)
        return self.fleet.manage(*arguments, LAUNCHER_FOLDER=str(self.folder))

    def pids(self) -> list[int | None]:
        return [mark.pid for mark in marks.living(self.folder / "default")]

    def worker(self) -> int:
        """The pid of the one worker, as soon as it is registered."""
        eventually(lambda: WorkerProcess.objects.filter(pid__in=[p for p in self.pids() if p]))
        (pid,) = self.pids()
        return pid

    def decisions(self, process: Fork) -> list[dict]:
        lines = map(json.loads, self.fleet.said(process).splitlines())
        return [line for line in lines if line["event"] == "scaling_decided"]


@pytest.fixture
def scaled(fleet, tmp_path):
    folder = tmp_path / "launched"
    yield Scaled(fleet, folder)
    for mark in marks.living(folder / "default"):
        mark.kill()


def test_what_a_killed_autoscaler_leaves_at_work_the_next_one_goes_on_with(scaled):
    first = scaled.start()
    pid = scaled.worker()
    first.kill()
    first.wait()
    second = scaled.start()
    eventually(lambda: "workers_adopted" in scaled.fleet.said(second))
    assert scaled.worker() == pid
    scaled.fleet.started("a")
    second.terminate()
    eventually(lambda: "worker_draining" in scaled.fleet.said(first))  # where the worker writes
    scaled.fleet.go("a")
    scaled.fleet.hears("a", "done")
    assert second.wait(GENEROUS) == 0
    assert ScalingDecision.objects.count() == 1
    assert scaled.pids() == []


@pytest.mark.slow
def test_who_looks_once_leaves_running_what_it_started(scaled):
    dry = scaled.start("--once", "--dry-run")
    assert dry.wait(GENEROUS) == 0
    assert scaled.pids() == []
    once = scaled.start("--once")
    assert once.wait(GENEROUS) == 0
    pid = scaled.worker()
    again = scaled.start("--once")
    assert again.wait(GENEROUS) == 0
    assert scaled.pids() == [pid]
    said = [scaled.decisions(process)[0] for process in (dry, once, again)]
    assert [(one["size"], one["wanted"], one["dry_run"]) for one in said] == [
        (0, 1, True),
        (0, 1, False),
        (1, 1, False),
    ]


@pytest.mark.slow
def test_who_is_told_to_may_leave_its_workers_to_the_next_one(scaled):
    first = scaled.start("--leave-running")
    pid = scaled.worker()
    first.send_signal(signal.SIGINT)
    assert first.wait(GENEROUS) == 0
    assert scaled.pids() == [pid]


def test_a_pool_that_is_not_there_is_refused(scaled):
    process = scaled.fleet.manage("autoscale", "--pool", "nowhere")
    assert process.wait(GENEROUS) == 2
    assert "invalid choice: 'nowhere'" in scaled.fleet.said(process)
