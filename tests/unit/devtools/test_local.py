import errno
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from devtools import stack
from devtools.children import NotStarted
from devtools.local import Folder, in_words
from devtools.variables import MADE, given, made

SETTINGS = Path(__file__).parents[3] / "agentsite" / "settings"
AWKWARD = 'p\'w "$HOME" `date`; #&'


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / ".local")
    folder.make()
    return folder


def test_a_shell_reads_the_variables_as_they_were_written(folder):
    folder.write_variables({"DEMO_PASSWORD": AWKWARD})
    script = '. ./env; printf %s "$DEMO_PASSWORD"'
    assert subprocess.check_output(["sh", "-c", script], cwd=folder.path, text=True) == AWKWARD
    assert folder.variables() == {"DEMO_PASSWORD": AWKWARD}


def test_only_its_owner_can_read_the_variables(folder):
    folder.write_variables({"A": "1"})
    assert stat.S_IMODE((folder.path / "env").stat().st_mode) == 0o600


def test_processes_are_listed_as_json(folder):
    folder.write_processes([{"name": "worker-1", "pid": 7, "port": None}])
    listed = json.loads((folder.path / "processes.json").read_text())
    assert listed == [{"name": "worker-1", "pid": 7, "port": None}]


def test_a_second_lock_is_refused_until_the_first_is_closed(folder):
    with folder.lock(), pytest.raises(NotStarted):
        folder.lock()
    folder.lock().close()


def test_a_list_that_cannot_be_written_is_said_and_stops_nothing(tmp_path, capsys):
    stack.show(Folder(tmp_path / "gone"), [])
    assert capsys.readouterr().out.startswith("processes.json is not current: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_is_said_with_the_mend():
    with pytest.raises(NotStarted, match=r"No space left on device: .*; make room"), in_words():
        Path("/dev/full").write_text("more")


def test_what_is_somebody_elses_is_said_with_the_mend():
    with pytest.raises(NotStarted, match=r"denied: /a; start as the account"), in_words():
        raise PermissionError(errno.EACCES, "Permission denied", "/a")


def test_other_faults_stay_as_they_are():
    with pytest.raises(BlockingIOError), in_words():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def test_what_somebody_set_is_used_and_what_we_made_ourselves_is_not():
    before = {MADE: "REDIS_URL SECRET_KEY", "REDIS_URL": "ours", "SECRET_KEY": "ours"}
    shell = {"REDIS_URL": "ours", "DATABASE_URL": "theirs", "AGENT_MODEL": "m", "PATH": "/bin"}
    assert given(shell, before) == {"DATABASE_URL": "theirs", "AGENT_MODEL": "m"}
    assert given(shell | {"REDIS_URL": "theirs"}, before)["REDIS_URL"] == "theirs"


def test_what_makes_a_worker_like_those_of_the_stack_is_said_again():
    """All that the settings of a worker's work read, and where settings of one's own come from."""
    rooms = ("agents", "data", "fleet", "provider", "sealing")
    read = [(SETTINGS / f"{room}.py").read_text() for room in rooms]
    names = re.findall(r'env\.\w+\("(\w+)"', "".join(read))
    names += ["OPENAI_API_KEY", "DJANGO_SETTINGS_MODULE", "PYTHONPATH"]
    assert {"AGENTS", "POOLS", "REDIS_URL", "SEALED_LIFETIME"} < set(names)
    shell = dict.fromkeys(names, "theirs")
    assert given(shell, {}).keys() == shell.keys()


def test_where_processes_tell_and_count_is_said_again(folder, monkeypatch):
    shell: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", shell)
    folder.share()
    folders = {"METRICS_DIR": "metrics", "WORKER_STATUS_DIR": "status"}
    assert given(shell, {}) == {name: str(folder.path / at) for name, at in folders.items()}


def test_a_key_and_a_password_are_chosen_once_and_at_random():
    first, other = made({}, 8000, tools_port=9000), made({}, 8000, tools_port=9000)
    assert (
        made(first, 8001, tools_port=9000)["SECRET_KEY"]
        == first["SECRET_KEY"]
        != other["SECRET_KEY"]
    )
    assert (
        made(first, 8001, tools_port=9000)["DEMO_PASSWORD"]
        == first["DEMO_PASSWORD"]
        != other["DEMO_PASSWORD"]
    )
    assert "http://127.0.0.1:8001" in made(first, 8001, tools_port=9000)["ALLOWED_ORIGINS"]
