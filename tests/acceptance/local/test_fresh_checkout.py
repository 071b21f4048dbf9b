"""`dev.py` where nothing is installed: the system's Python and no more."""

import os
import shutil
import subprocess

import pytest

from tests.acceptance.local.stacks import LEFT_OUT, ROOT, LocalStack, open_folder

PATH = "/usr/bin:/bin"
PYTHON = shutil.which("python3", path=PATH)
NOBODY = 65534
WITHOUT_VENV = 'import sys; sys.modules["ensurepip"] = None'  # as Debian ships it

pytestmark = pytest.mark.skipif(PYTHON is None, reason="the system has no Python of its own")


@pytest.fixture
def folder():
    with open_folder() as folder:
        yield folder


def bare(home, **variables):
    """The environment of a newcomer; pip keeps the machine's own configuration."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": PATH, "HOME": str(home), **pip, **variables}


def given_away(folder):
    """As root: give the folder to an ordinary user; what makes a process his."""
    if os.geteuid() != 0:
        return {}
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@pytest.mark.slow
def test_one_command_brings_it_up_for_anybody_and_a_second_start_installs_nothing(folder):
    checkout = shutil.copytree(ROOT, folder / "checkout", ignore=LEFT_OUT)
    options = {"command": (PYTHON, "dev.py"), "env": bare(folder), **given_away(folder)}
    first = LocalStack(checkout, **options).await_line("account ")
    assert first.get("/readyz")[0] == 200
    assert first.stop() == 0
    second = LocalStack(checkout, **options).await_line("account ")
    assert second.stop() == 0
    assert "making .venv" in first.said
    assert second.said[0].startswith("PostgreSQL")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_without_venv_is_told_the_line_that_installs_it(folder):
    folder.chmod(0o755)
    (folder / "sitecustomize.py").write_text(WITHOUT_VENV)
    shutil.copy(ROOT / "dev.py", folder)
    ended = subprocess.run(
        [PYTHON, "dev.py", "run"],
        cwd=folder,
        env=bare(folder, PYTHONPATH=str(folder)),
        user=NOBODY,
        capture_output=True,
        text=True,
        check=False,
    )
    line = "sudo apt-get install -y --no-install-recommends python3-venv"
    assert ended.returncode == 1
    assert ended.stderr == f"python3-venv missing; install with:\n  {line}\n"
    assert not (folder / ".venv").exists()
