import os
import signal
import subprocess
import sys

import pytest

import dev
from tests.acceptance.local.stacks import open_folder, processes_in, stranger

SAY_AND_WAIT = """
import os, signal
def test_wait():
    assert "METRICS_DIR" not in os.environ, "the tests count where a local stack does"
    print(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], flush=True)
    signal.pause()
"""
CONFIGURATION = dev.ROOT / "pyproject.toml"


def press_control_c(run):
    os.killpg(run.pid, signal.SIGINT)


def at_a_terminal():
    """Who runs these tests in a shell's background has Ctrl-C ignored, and all their children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("end", [subprocess.Popen.terminate, press_control_c])
def test_a_run_that_is_ended_stops_its_servers_and_leaves_no_file(tmp_path, end):
    test = tmp_path / "test_wait.py"
    test.write_text(SAY_AND_WAIT)
    command = [sys.executable, "-m", "devtools", "test", "-sq", "-c", CONFIGURATION, test]
    with open_folder() as folder:
        env = stranger() | {"TMPDIR": str(folder), "METRICS_DIR": str(folder / "metrics")}
        with subprocess.Popen(
            command,
            env=env,
            cwd=dev.ROOT,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=at_a_terminal,  # noqa: PLW1509 - nothing but a call of the system
        ) as run:
            assert run.stdout.readline().startswith(b"postgresql://agentsite:")
            assert len(processes_in(folder)) >= 2
            end(run)
            run.communicate()  # until pytest, too, has closed it
        assert processes_in(folder) == []
        assert not list(folder.glob("agentsite-tests-*"))
