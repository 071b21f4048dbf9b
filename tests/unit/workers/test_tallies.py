"""Counting in files: real processes write them, real ones are killed."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from workers import identity
from workers.observing import tallies
from workers.observing.tallies import Tallies

COUNTING = """
import os, signal, sys
import django
from django.conf import settings
settings.configure(METRICS_DIR=sys.argv[1])
from workers.observing import metrics
metrics.TURNS_ACCEPTED.labels("default").inc(int(sys.argv[2]))
metrics.TURN_WAIT.labels("default").observe(0.02)
metrics.SOCKETS.labels("tab").set(7)
if sys.argv[3] == "fork" and os.fork() == 0:
    metrics.TURNS_ACCEPTED.labels("default").inc(100)
    os._exit(0)
if sys.argv[3] == "fork":
    os.wait()
if sys.argv[3] == "fork while it reads":
    from pathlib import Path
    from workers.observing.tallies import Tallies
    with Tallies(Path(sys.argv[1]))._locked():
        if os.fork() == 0:
            sys.stdin.read()
            os._exit(0)
print("counted", flush=True)
sys.stdin.read()
"""


class Counter:
    """A process that has counted, and lives until it is killed."""

    def __init__(self, home, number, *, mode=""):
        self.process = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(home), str(number), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self.process.stdout.readline() == b"counted\n"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def count(tmp_path):
    counters = []

    def start(number, **options):
        counters.append(Counter(tmp_path, number, **options))
        return counters[-1]

    yield start
    for counter in counters:
        counter.kill()


def value(home, name):
    """Of a sample, added up over its labels; None: there is none."""
    samples = [s for metric in Tallies(home).collect() for s in metric.samples if s.name == name]
    return sum(sample.value for sample in samples) if samples else None


ACCEPTED = "agentsite_turns_accepted_total"


def test_processes_are_added_up_and_the_killed_stay_counted_once(count, tmp_path):
    first, _ = count(3), count(4)
    assert value(tmp_path, ACCEPTED) == 7
    first.kill()
    assert [value(tmp_path, ACCEPTED) for _ in range(3)] == [7, 7, 7]
    assert value(tmp_path, "agentsite_turn_wait_seconds_count") == 2


def test_a_killed_process_leaves_no_gauge_and_no_file(count, tmp_path):
    first, _ = count(3), count(4)
    first.kill()
    assert value(tmp_path, "agentsite_sockets") == 7
    assert not list(tmp_path.glob(f"*_{first.process.pid}-*"))


def test_who_starts_adds_up_what_the_dead_have_left_though_nobody_reads(count, tmp_path):
    first = count(3)
    first.kill()
    count(4)
    assert not list(tmp_path.glob(f"*_{first.process.pid}-*"))
    assert value(tmp_path, ACCEPTED) == 7


def test_who_starts_waits_for_nobody_who_reads(count, tmp_path):
    with Tallies(tmp_path)._locked():
        count(3)


def test_a_forked_child_counts_in_files_of_its_own(count, tmp_path):
    count(3, mode="fork")
    assert value(tmp_path, ACCEPTED) == 103


def test_a_child_that_is_forked_while_its_parent_reads_keeps_no_other_from_reading(count, tmp_path):
    count(3, mode="fork while it reads")
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("step", ["write", "Path.replace", "remove"])
def test_a_reader_that_is_killed_at_any_step_adds_nothing_twice(count, tmp_path, monkeypatch, step):
    count(3).kill()
    count(4).kill()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"{tallies.__name__}.{step}", killed)
        with pytest.raises(KeyboardInterrupt):
            value(tmp_path, ACCEPTED)
    assert [value(tmp_path, ACCEPTED) for _ in range(2)] == [7, 7]
    assert not list(tmp_path.glob("*.note"))


def test_who_has_the_pid_of_a_dead_process_counts_on_beside_it(count, tmp_path):
    dead, heir = count(3), count(4)
    dead.kill()
    for path in tmp_path.glob(f"*_{dead.process.pid}-*"):  # as if the heir had been given its pid
        kind = path.stem.rpartition("_")[0]
        path.rename(tmp_path / f"{kind}_{heir.process.pid}-1.db")
    assert [value(tmp_path, ACCEPTED) for _ in range(2)] == [7, 7]
    assert value(tmp_path, "agentsite_sockets") == 7
    own = {path.name.rpartition("_")[2] for path in tmp_path.glob(f"*_{heir.process.pid}*")}
    assert own == {f"{identity._mark(heir.process.pid)}.db"}
    heir.kill()
    assert [value(tmp_path, ACCEPTED) for _ in range(2)] == [7, 7]


def test_a_pid_that_is_used_again_is_not_the_dead_process():
    pid = os.getpid()
    assert identity.alive(identity.mark())
    assert not identity.alive(f"{pid}-1")
