"""How lines leave a process: never at the cost of whoever logs."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from agentsite.logs import outlets
from agentsite.logs.lines import Said, Scrubber
from tests.sinks import Gated, Memory
from tests.waiting import GENEROUS, eventually
from workers.observing import metrics

# On a busy machine the last lines may take longer than a process that ends would wait for them.
LOGGING = f"""
import os, signal, sys, threading, time
os.environ["DJANGO_SETTINGS_MODULE"] = "agentsite.settings"
import django
django.setup()
import logging, structlog
from agentsite.logs import outlets
outlets.FAREWELL = {GENEROUS}
log = structlog.get_logger("test")
"""


@pytest.fixture
def sink():
    return Gated()


@pytest.fixture
def outlet(sink):
    made = outlets.Outlet(sink, Scrubber(()), capacity=10)
    yield made
    made.close()


def written(sink: Gated) -> list[dict]:
    return [json.loads(line) for line in sink.lines]


def said(number: object) -> Said:
    return Said(0.0, "info", "test", 1, {"event": "e", "number": number})


def counted(sink: Gated) -> float:
    return metrics.LOG_LINES_DROPPED.labels(sink.name)._value.get()


def test_lines_are_written_in_their_order(outlet, sink):
    sink.may_write.set()
    for number in range(10):
        outlet.offer(said(number))
    assert outlet.flush(GENEROUS)
    assert [line["number"] for line in written(sink)] == list(range(10))


def test_a_sink_that_blocks_costs_only_the_lines_that_do_not_fit(outlet, sink):
    outlet.offer(said(0))
    assert sink.asked.wait(GENEROUS)  # the thread has taken it, and waits
    for number in range(1, 1001):
        outlet.offer(said(number))
    assert not sink.lines  # nobody has waited for it
    assert outlet.dropped == 990  # ten wait


def test_what_was_dropped_is_told_in_the_log_and_counted(outlet, sink):
    before = counted(sink)
    outlet.offer(said(0))
    assert sink.asked.wait(GENEROUS)  # the thread has taken it, and waits
    for number in range(1, 100):
        outlet.offer(said(number))
    eventually(lambda: counted(sink) - before == outlet.dropped)  # while nothing can be written
    sink.may_write.set()
    assert outlet.flush(GENEROUS)
    outlet.offer(said(100))
    assert outlet.flush(GENEROUS)
    (told,) = [line for line in written(sink) if line["event"] == "log_lines_dropped"]
    assert told["count"] == outlet.dropped
    assert len(sink.lines) - 1 + told["count"] == 101
    assert counted(sink) - before == told["count"]


def test_what_a_new_sink_drops_is_shown_as_none(outlet):
    """A series that begins at its first number hides that from `increase`."""
    outlets.Outlet(Named("newcomer"), Scrubber(()), capacity=1)
    (dropped,) = metrics.LOG_LINES_DROPPED.collect()
    assert ("newcomer", 0) in [(one.labels["sink"], one.value) for one in dropped.samples]


class Named(Memory):
    """Refuses what holds its name."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def write(self, batch):
        if any(self.name in line for _, line in batch):
            raise RuntimeError
        yield from super().write(batch)


class Unspeakable:
    def __str__(self):
        raise RuntimeError


def test_a_fault_of_the_sink_costs_its_batch_and_is_counted():
    outlet = outlets.Outlet(sink := Named("fault"), Scrubber(()), capacity=10)
    for number in (1, "fault", Unspeakable(), 4):
        outlet.offer(said(number))
        assert outlet.flush(GENEROUS)
    outlet.close()
    assert [line.get("number") for line in written(sink)] == [1, None, 4]
    assert counted(sink) == 1


def test_a_flush_gives_up_on_a_sink_that_blocks(outlet):
    outlet.offer(said(1))
    assert not outlet.flush(0.05)


def run(code: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", LOGGING + code], stdout=subprocess.PIPE, text=True, **options
    )


def events(process: subprocess.Popen) -> list[str]:
    out, _ = process.communicate(timeout=GENEROUS)
    return [json.loads(line)["event"] for line in out.splitlines()]


def test_the_last_lines_are_written_when_a_process_ends():
    process = run("[log.info(str(number)) for number in range(2000)]")
    assert events(process) == [str(number) for number in range(2000)]


def test_a_forked_child_writes_its_own_lines_and_none_of_its_parents():
    code = """
log.info("before")
for number in range(3):
    if os.fork() == 0:
        log.info(f"child {number}")
        for handler in logging.getLogger().handlers:
            for outlet in handler.outlets:
                outlet.flush(outlets.FAREWELL)
        os._exit(0)
for _ in range(3):
    os.wait()
log.info("after")
"""
    found = events(run(code))
    assert sorted(found) == ["after", "before", "child 0", "child 1", "child 2"]


class Interrupted(Memory):
    """A signal handler logs while the thread that writes is being made, which asks for the name."""

    outlet: outlets.Outlet

    @property
    def name(self) -> str:
        if hasattr(self, "outlet"):
            self.outlet.offer(said("signal"))
        return "interrupted"


def test_one_thread_writes_though_a_signal_comes_while_it_is_started():
    sink = Interrupted()
    outlet = sink.outlet = outlets.Outlet(sink, Scrubber(()), capacity=10)
    outlet.offer(said("work"))
    assert [thread.name for thread in threading.enumerate()].count("log interrupted") == 1
    assert outlet.flush(GENEROUS)
    outlet.close()
    assert [json.loads(line)["number"] for line in sink.lines] == ["work", "signal"]


def test_a_signal_handler_may_log_whatever_it_interrupts():
    code = """
count = 0
def heard(*_):
    global count
    count += 1
    log.info("signal")
signal.signal(signal.SIGALRM, heard)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
while count < 100:
    log.info("work")
signal.setitimer(signal.ITIMER_REAL, 0)
log.info("done", count=count)
"""
    found = events(run(code, env={**os.environ, "LOG_CAPACITY": "1000000"}))
    assert found[-1] == "done"
    assert found.count("signal") >= 100


def test_what_is_logged_while_python_takes_itself_apart_does_not_keep_it():
    code = """
class Unclosed:
    def __del__(self):
        self.log.error("unclosed")
Unclosed.log = logging.getLogger("library")
kept = Unclosed()
"""
    assert events(run(code)) == []


@pytest.mark.parametrize("length", [0, 9000])
def test_a_standard_output_that_nobody_reads_holds_up_nobody(length):
    """A pipe that is full: the process works on, counts, and ends when it is told to."""
    code = f"""
from workers.observing import metrics
long = "x" * {length}
for number in range(20000):
    log.info("much", number=number, long=long)
while not metrics.LOG_LINES_DROPPED.labels("stdout")._value.get():
    time.sleep(0.01)
sys.stderr.write("worked on\\n")
sys.stderr.flush()
signal.pause()
"""
    process = run(code, stderr=subprocess.PIPE)
    assert process.stderr.readline() == "worked on\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(GENEROUS) == -signal.SIGTERM
    process.communicate()
