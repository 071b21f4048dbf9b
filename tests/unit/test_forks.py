"""A fork is a process as one that a command starts: its status, its log, its environment, its end."""

import os
import signal

from tests.forks import Fork
from tests.waiting import GENEROUS, eventually


def test_it_runs_a_module_or_a_script_with_a_log_and_an_environment(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    module = Fork(["-m", "json.tool", "--help"], os.environ, log)
    assert module.wait(GENEROUS) == 0
    script = Fork(["manage.py", "check"], os.environ | {"OPEN_TURNS": "many"}, log)
    assert script.wait(GENEROUS) == script.returncode == 1
    said = log.read_text()
    assert said.startswith("before\nusage:")
    assert "OPEN_TURNS" in said


def test_it_can_be_ended(tmp_path):
    process = Fork(["-m", "http.server", "--bind", "127.0.0.1", "0"], os.environ, tmp_path / "log")
    assert process.poll() is None
    eventually(lambda: os.getsid(process.pid) == process.pid)
    process.terminate()
    assert process.wait(GENEROUS) == -signal.SIGTERM
    process.kill()
