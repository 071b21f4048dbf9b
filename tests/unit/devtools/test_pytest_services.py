import signal
import subprocess
import sys

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


def test_a_run_that_is_told_to_end_stops_its_servers_and_leaves_no_file(tmp_path):
    test = tmp_path / "test_wait.py"
    test.write_text(SAY_AND_WAIT)
    command = [sys.executable, "-m", "pytest", "-sq", "-c", CONFIGURATION, test]
    with open_folder() as folder:
        env = stranger() | {"TMPDIR": str(folder), "METRICS_DIR": str(folder / "metrics")}
        with subprocess.Popen(command, env=env, cwd=dev.ROOT, stdout=subprocess.PIPE) as run:
            assert run.stdout.readline().startswith(b"postgresql://agentsite:")
            assert len(processes_in(folder)) >= 2
            run.send_signal(signal.SIGTERM)
            run.communicate()
        assert processes_in(folder) == []
        assert not list(folder.glob("agentsite-tests-*"))
