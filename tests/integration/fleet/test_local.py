"""Local processes: kept at their number, adopted or drained by the next autoscaler."""

import os
import re
import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.workers.conftest import row
from tests.waiting import GENEROUS, eventually
from workers import identity
from workers.health import status, vitals
from workers.launchers import children, marks
from workers.launchers.local import ALIKE, LocalProcesses, kind_of
from workers.pools import Pool, pool

SLEEP = ["sleep", str(10 * GENEROUS)]  # longer than any test waits for its end


class Machine:
    """A folder of marks, and who stands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pids(self, *, draining: bool = False) -> list[int | None]:
        found = marks.living(self.folder / "default")
        return [mark.pid for mark in found if (mark.drains_since is not None) == draining]

    def settles(self, launcher: LocalProcesses, pool: Pool, number: int) -> list[int]:
        """The pids, as soon as so many serve and none drains."""

        def settled():
            launcher.tend(pool)
            pids = self.pids()
            return len(pids) == number and None not in pids and not self.pids(draining=True)

        eventually(settled)
        return self.pids()


@pytest.fixture
def machine(settings, tmp_path, transactional_db):
    settings.LAUNCHER_FOLDER = tmp_path
    return Machine(tmp_path)


@pytest.fixture
def default() -> Pool:
    return pool("default")


@pytest.fixture
def launcher(machine):
    """Makes launchers; in the end nobody is left."""
    made = []

    def make(command=SLEEP) -> LocalProcesses:
        made.append(LocalProcesses(lambda _: command))
        return made[-1]

    yield make
    for one in made:
        one.close(["default"])


def test_as_many_run_as_are_wanted(machine, launcher, default):
    ours = launcher()
    ours.adopt(default)
    assert ours.size(default) == 0
    ours.scale(default, 3)
    before = machine.settles(ours, default, 3)
    ours.scale(default, 1)
    assert machine.settles(ours, default, 1) == before[:1]
    assert ours.size(default) == 1


def test_who_is_killed_is_started_again(machine, launcher, default):
    ours = launcher()
    ours.scale(default, 2)
    before = machine.settles(ours, default, 2)
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: before[0] not in machine.pids())
    after = machine.settles(ours, default, 2)
    assert before[1] in after
    marked = {mark.path.stem for mark in marks.living(machine.folder / "default")}
    assert ours._vitals["default"].keys() == marked  # nobody else is remembered


def test_the_least_busy_goes_first(machine, launcher, default):
    ours = launcher()
    ours.scale(default, 3)
    pids = machine.settles(ours, default, 3)
    for pid, jobs in zip(pids, (5, 1, 7), strict=True):
        row(name=f"w-{pid}", pid=pid, host=identity.own().host, in_flight=jobs)
    ours.scale(default, 2)
    assert machine.settles(ours, default, 2) == [pids[0], pids[2]]


def test_the_next_autoscaler_goes_on_with_what_it_finds(machine, launcher, default):
    first = launcher()
    first.scale(default, 2)
    before = machine.settles(first, default, 2)
    second = launcher()
    second.adopt(default)
    assert second.size(default) == 2
    assert machine.settles(second, default, 2) == before


def test_what_was_started_otherwise_is_drained_and_replaced(machine, launcher, default):
    first = launcher()
    first.scale(default, 2)
    before = machine.settles(first, default, 2)
    second, wider = launcher(), replace(default, slots=default.slots + 1)
    second.adopt(wider)
    after = machine.settles(second, wider, 2)
    assert not set(before) & set(after)


def test_who_serves_a_pool_that_is_no_more_is_drained(machine, launcher, default, settings):
    first, pools = launcher(), settings.POOLS
    settings.POOLS = pools | {"gone": {"slots": 1}}
    first.scale(pool("gone"), 1)
    home = machine.folder / "gone"
    eventually(lambda: [mark.pid for mark in marks.living(home)] not in ([], [None]))
    settings.POOLS = pools
    second = launcher()
    eventually(lambda: second.tend(default) or not marks.living(home))
    first.close(["gone"])


@pytest.mark.parametrize("name", sorted({*ALIKE} - {"DATABASES"}))
def test_a_process_with_other_servers_is_of_another_kind_and_does_not_name_them(
    default, settings, name
):
    before = kind_of(default)
    setattr(settings, name, "redis://:secret@elsewhere")
    assert kind_of(default) != before
    assert re.fullmatch("[0-9a-f]{12}", kind_of(default))


def test_what_cannot_live_is_not_started_in_a_circle(
    machine, launcher, default, tmp_path, monkeypatch
):
    monkeypatch.setattr(children, "FIRST_PAUSE", children.LONGEST_PAUSE)
    tries = tmp_path / "tries"
    ours = launcher(["sh", "-c", f"echo >> {tries}; exit 1"])
    ours.scale(default, 1)
    eventually(lambda: not machine.pids())
    for _ in range(100):
        ours.tend(default)
    assert len(tries.read_text().splitlines()) == 1


def test_a_folder_that_takes_nothing_is_tried_again(machine, launcher, default):
    in_the_way = machine.folder / "default"
    in_the_way.touch()
    ours = launcher()
    ours.scale(default, 1)
    in_the_way.unlink()
    machine.settles(ours, default, 1)


def test_who_drains_for_too_long_is_killed(machine, launcher, default, settings, tmp_path):
    settings.WORKER_GRACE = -60
    deaf = tmp_path / "deaf"
    ours = launcher(["sh", "-c", f"trap '' TERM; touch {deaf}; exec {shlex.join(SLEEP)}"])
    ours.scale(default, 1)
    eventually(deaf.exists)
    ours.scale(default, 0)
    machine.settles(ours, default, 0)


@pytest.fixture
def probed(monkeypatch, tmp_path):
    """Has a process say of itself when its event loop last turned, and be asked at each look."""
    monkeypatch.setenv("WORKER_STATUS_DIR", str(tmp_path / "status"))
    monkeypatch.setattr(vitals, "EVERY", 0)

    def say(pid: int, turned: float) -> None:
        mark, now = identity._mark(pid), status.now()
        told = {"name": "w", "pool": "default", "patience": 60}
        status.write(status.Status(**told, pid=pid, mark=mark, since=now, turned=now + turned))

    return say


def test_who_fails_three_probes_in_a_row_is_killed(machine, launcher, default, probed):
    ours = launcher()
    ours.scale(default, 1)
    (pid,) = machine.settles(ours, default, 1)
    for turned in (0, -1000, -1000, 0, -1000, -1000):
        probed(pid, turned)
        ours.tend(default)
    assert machine.pids() == [pid]
    ours.tend(default)
    eventually(lambda: pid not in machine.pids())


def test_all_end_with_the_autoscaler(machine, launcher, default):
    ours = launcher()
    ours.scale(default, 2)
    machine.settles(ours, default, 2)
    ours.close(["default"])
    assert machine.pids() == machine.pids(draining=True) == []
