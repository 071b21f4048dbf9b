import os
import signal
import subprocess
import sys
import time

import pytest

from devtools import supervisor as supervisors
from devtools.children import Command
from devtools.supervisor import FIRST_DELAY, LONGEST_DELAY, SIGNALS, Interrupted, Supervisor
from tests.unit.devtools.processes import await_end
from tests.waiting import GENEROUS, eventually
from workers.health import vitals

IGNORES_SIGTERM = "trap '' TERM; echo deaf; while :; do sleep 1; done"
START_A_CHILD = """
import signal, sys
from pathlib import Path
from devtools.children import Command
process = Command("child", ("sleep", "1000"), Path(sys.argv[1])).start()
print(process.pid, flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def signals_as_before():
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def command(tmp_path):
    def make(name, script, **options):
        return Command(name, ("sh", "-c", script), tmp_path / f"{name}.log", **options)

    return make


@pytest.fixture
def told():
    return []


@pytest.fixture
def seen():
    """The names of those that ran, at each change."""
    return []


@pytest.fixture
def supervisor(told, seen):
    def show(children):
        seen.append([child.command.name for child in children if child.pid])

    with Supervisor(tell=told.append, changed=show) as supervisor:
        yield supervisor


def look_until(supervisor, condition):
    eventually(lambda: supervisor.look() or condition())


def test_a_killed_child_is_started_again(supervisor, command, seen):
    (child,) = supervisor.start(command("a", "exec sleep 1000"), grace=5)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    look_until(supervisor, lambda: child.pid not in {None, first})
    assert seen == [["a"], [], ["a"]]


def test_the_reason_of_a_death_is_told_with_the_last_lines(supervisor, command, told):
    supervisor.start(command("a", "echo no database; exit 3"), grace=5)
    look_until(supervisor, lambda: told)
    assert told[0].startswith("a ended with status 3; it starts again")
    assert told[1] == "    no database"


def test_a_child_that_dies_at_once_is_started_ever_more_slowly(supervisor, command, monkeypatch):
    monkeypatch.setattr(supervisors, "SETTLED", GENEROUS)  # however slow the machine is
    (child,) = supervisor.start(command("a", "exit 1"), grace=5)
    delays = []
    while len(delays) < 10:
        child.process.wait()
        delays.append(child.delay)
        before = time.monotonic()
        child.bury()
        assert before <= child.due - delays[-1] <= time.monotonic()
        child.start()
    assert delays[:4] == [FIRST_DELAY, 0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_DELAY


def test_groups_stop_in_reverse_order_each_with_its_signal(told, seen, command, tmp_path):
    note = f"echo $0 >> {tmp_path}/order; exit"
    script = f"trap '{note}' INT TERM; echo up; while :; do sleep 0.01; done"
    with Supervisor(tell=told.append, changed=seen.append) as supervisor:
        for name, number in (("database", signal.SIGINT), ("worker", signal.SIGTERM)):
            named = command(name, script.replace("$0", name), stop_signal=number)
            supervisor.start(named, grace=GENEROUS)
            look_until(supervisor, named.log.read_text)
    assert (tmp_path / "order").read_text().split() == ["worker", "database"]


def test_a_child_that_does_not_end_is_killed_after_its_grace(told, seen, command):
    deaf = command("a", IGNORES_SIGTERM)
    with Supervisor(tell=told.append, changed=seen.append) as supervisor:
        (child,) = supervisor.start(deaf, grace=0.1)
        look_until(supervisor, deaf.log.read_text)
        pid = child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_signal_stops_and_a_second_one_does_not_wait(supervisor, command):
    deaf = command("a", IGNORES_SIGTERM)
    supervisor.start(deaf, grace=1000)
    look_until(supervisor, deaf.log.read_text)
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)  # the fixture now ends at once, not after 1000 seconds


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path):
    script = [sys.executable, "-c", START_A_CHILD, str(tmp_path / "log")]
    with subprocess.Popen(script, stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    await_end(child)


@pytest.fixture
def quick_probes(monkeypatch):
    monkeypatch.setattr(vitals, "EVERY", 0)


def test_a_child_that_fails_three_probes_in_a_row_is_started_again(
    supervisor, command, quick_probes
):
    answers = iter([True, False, False, True, False, False, False])
    stuck = command("stuck", "sleep 1000", probe=lambda _: next(answers, True))
    (child,) = supervisor.start(stuck, grace=1)
    first = child.process
    for _ in range(6):
        supervisor.look()
    assert first.poll() is None
    supervisor.look()
    assert first.wait(GENEROUS) == -signal.SIGKILL
    look_until(supervisor, lambda: child.pid not in (None, first.pid))


def test_a_child_that_still_starts_is_not_taken_for_stuck(supervisor, command, quick_probes):
    starting = command("starting", "sleep 1000", probe=lambda _: None)
    (child,) = supervisor.start(starting, grace=1)
    pid = child.pid
    for _ in range(10):
        supervisor.look()
    assert child.pid == pid


class Disturbed:
    """A lock of `subprocess.Popen`; as soon as somebody has it, this process is asked to stop."""

    def __init__(self, lock):
        self.lock = lock

    def acquire(self, blocking):
        got = self.lock.acquire(blocking)
        os.kill(os.getpid(), signal.SIGTERM)
        return got

    def release(self):
        self.lock.release()


def test_who_is_asked_to_stop_while_it_looks_can_look_again(supervisor, command):
    (child,) = supervisor.start(command("a", "exec sleep 100"), grace=5)
    lock = child.process._waitpid_lock
    child.process._waitpid_lock = Disturbed(lock)
    with pytest.raises(Interrupted):
        supervisor.look()
    child.process._waitpid_lock = lock
    was_kept = lock.locked()
    if was_kept:
        lock.release()  # or the end of this test would hang as the stack did
    assert not was_kept
