"""What `dev.py` does before anything is installed; for .venv's Python stands a script."""

import fcntl
import shutil
import signal
import subprocess
import sys
from subprocess import PIPE

import pytest

import dev
from tests.unit.devtools.processes import await_end
from tests.waiting import eventually

ENDS = 'case "$2" in devtools) echo "$@";; esac'
FAILS = "echo no space left on device; exit 1"
# When the pid is there, dev.py has read most of what came before: it follows what pip says.
HANGS = """
trap 'echo > cleaned; exit 1' INT
head -c 200000 /dev/zero | tr '\\0' x; echo $$ > new; mv new pid
while :; do sleep 0.01; done
"""
GOES_ON = "-m devtools run\n"


@pytest.fixture
def checkout(tmp_path):
    shutil.copy(dev.ROOT / "dev.py", tmp_path)
    for name in dev.LISTS:
        (tmp_path / name).write_text("one==1\n# of two\n")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/pip").touch()
    return tmp_path


@pytest.fixture
def start(checkout):
    """`dev.py run` there, with this script in the place of .venv's Python."""

    def start(script):
        python = checkout / ".venv/bin/python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        command = [sys.executable, "dev.py", "run"]
        return subprocess.Popen(command, cwd=checkout, stdout=PIPE, stderr=PIPE, text=True)

    return start


def is_whole(checkout):
    said = [sys.executable, "-c", "import dev; print(dev.is_whole())"]
    return subprocess.check_output(said, cwd=checkout, text=True) == "True\n"


def test_packages_are_installed_once(checkout, start):
    assert start(ENDS).communicate() == (f"installing 1 packages\n{GOES_ON}", "")
    assert start(ENDS).communicate() == (GOES_ON, "")
    assert is_whole(checkout)


def test_other_pins_are_installed_at_the_next_start(checkout, start):
    start(ENDS).communicate()
    (checkout / dev.LISTS[0]).write_text("one==2\ntwo==1\n")
    assert start(ENDS).communicate() == (f"installing 2 packages\n{GOES_ON}", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_has_pip_clean_up_and_the_next_start_makes_venv_anew(checkout, start, number):
    with start(HANGS) as process:
        eventually((checkout / "pid").exists)
        process.send_signal(number)
        _, said = process.communicate()
    await_end(int((checkout / "pid").read_text()))
    assert (checkout / "cleaned").exists()
    assert process.returncode == 1
    assert said == "stopped before everything was installed; the next start does it\n"
    assert not is_whole(checkout)


def test_what_pip_says_is_shown_when_it_fails(checkout, start):
    process = start(FAILS)
    _, said = process.communicate()
    assert process.returncode == 1
    assert said == "no space left on device\n\npip could not install the packages, see above\n"
    assert not is_whole(checkout)


def test_a_venv_that_cannot_be_made_is_said(checkout):
    shutil.rmtree(checkout / ".venv")
    (checkout / ".venv").touch()
    command = [sys.executable, "dev.py", "run"]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.endswith(".venv could not be made, see above\n")
    assert "Traceback" not in ended.stderr


def test_a_second_one_waits_until_the_first_has_installed(checkout, start):
    with (checkout / "dev.py").open() as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = start(ENDS)
        assert second.stdout.readline() == "waiting for another dev.py, which installs\n"
    said, _ = second.communicate()
    assert said == f"installing 1 packages\n{GOES_ON}"
