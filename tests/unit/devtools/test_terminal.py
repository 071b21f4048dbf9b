"""The local stack's supervisor and the terminal that it was started in."""

import os
import subprocess
import sys

from tests.waiting import GENEROUS, eventually

KEEP_A_CHILD = """
import fcntl, os, sys, termios
from pathlib import Path
from devtools.children import Command
from devtools.stack import say
from devtools.supervisor import Interrupted, Supervisor
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
try:
    with Supervisor(tell=say, changed=lambda _: None) as supervisor:
        supervisor.start(Command("child", ("sh", "-c", sys.argv[1]), Path(sys.argv[2])), grace=1000)
        supervisor.watch()
except Interrupted:
    say("stopped")
"""
ENDS_WELL = "trap 'echo ended; exit' TERM; echo up; while :; do sleep 0.01; done"


def test_a_terminal_that_goes_away_ends_everything_in_order(tmp_path):
    master, slave = os.openpty()
    log = tmp_path / "log"
    command = [sys.executable, "-c", KEEP_A_CHILD, ENDS_WELL, log]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.PIPE) as process:
        os.close(slave)
        eventually(lambda: log.exists() and log.read_text())
        os.close(master)
        _, wrong = process.communicate(timeout=GENEROUS)
    assert (process.returncode, wrong) == (0, b"")
    assert log.read_text() == "up\nended\n"
