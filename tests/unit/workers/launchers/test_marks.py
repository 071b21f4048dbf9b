"""A launched process is known by a file that is locked while it lives, whoever started it."""

import os
import signal
import subprocess
import sys

import pytest

from tests.waiting import GENEROUS, eventually
from workers.launchers import marks

SLEEP = ["sleep", str(10 * GENEROUS)]  # longer than any test waits for its end


@pytest.fixture
def started(tmp_path):
    """Starts programs; they are gone in the end."""
    processes = []

    def start(argv=SLEEP, *, kind="k"):
        processes.append(marks.start(tmp_path, kind, argv))
        eventually(lambda: {mark.pid for mark in marks.living(tmp_path)} >= {processes[-1].pid})
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_who_lives_is_told_by_kind_pid_and_age(started, tmp_path):
    first, second = started(kind="a"), started(kind="b")
    assert [(mark.kind, mark.pid) for mark in marks.living(tmp_path)] == [
        ("a", first.pid),
        ("b", second.pid),
    ]


def test_the_dead_are_forgotten_with_their_files(started, tmp_path):
    started().kill()
    eventually(lambda: marks.living(tmp_path) == [])
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_lock_is_nobody_even_where_its_pid_lives(tmp_path):
    (tmp_path / "k-1.pid").write_text(str(os.getpid()))
    assert marks.living(tmp_path) == []


def test_who_drains_is_asked_to_end_and_known_by_it(started, tmp_path):
    begun, asked = tmp_path / "begun", tmp_path / "asked"
    script = f"trap 'touch {asked}' TERM; touch {begun}; while :; do sleep 0.05; done"
    process = started(["sh", "-c", script])  # it goes on with what it has to finish
    eventually(begun.exists)
    assert marks.living(tmp_path)[0].drain()
    eventually(asked.exists)
    (mark,) = marks.living(tmp_path)
    assert mark.drains_since == pytest.approx(mark.path.stat().st_mtime)
    mark.kill()
    assert process.wait() == -signal.SIGKILL


def test_who_cannot_write_down_its_pid_does_not_begin(tmp_path):
    """As on a full disk: nobody could ask it to end."""
    words = ["/bin/sh", "-c", marks.BECOME, "/dev/full", "touch", tmp_path / "begun"]
    assert subprocess.run(words, capture_output=True, check=False).returncode
    assert not (tmp_path / "begun").exists()


def test_what_a_killed_parent_has_started_is_found(tmp_path):
    """Killed at once: there is no moment in which a child is unknown."""
    code = (
        "import os, signal, sys, pathlib; from workers.launchers import marks;"
        "marks.start(pathlib.Path(sys.argv[1]), 'k', sys.argv[2:]);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "agentsite.settings"}
    subprocess.run([sys.executable, "-c", code, tmp_path, *SLEEP], env=environment, check=False)
    (mark,) = marks.living(tmp_path)
    eventually(lambda: mark.pid)
    mark.kill()
    eventually(lambda: marks.living(tmp_path) == [])
