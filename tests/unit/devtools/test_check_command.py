"""`dev.py check` in a folder that has nothing but a slow test."""

import re
import subprocess
import sys

import dev
from tests.acceptance.local.stacks import stranger

STEPS = ["format", "lint", "types", "imports", "migrations", "deploy"]
MISSING = ["types", "imports", "migrations", "deploy"]  # these find nothing to check
TEST = """import pytest


@pytest.mark.slow
def test_slow():
    raise AssertionError
"""
CONFIGURATION = """
[tool.pytest.ini_options]
addopts = "-p xdist -m 'not slow'"
markers = ["slow: left out"]
"""
CI = "import sys; print(sys.argv[1:]); sys.exit(3)"


def test_each_step_that_fails_is_named_and_fails_the_command(tmp_path):
    (tmp_path / "test_one.py").write_text(TEST)
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    quick = {"PYTHONPATH": str(dev.ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "devtools", "check", "--all"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=stranger() | quick, capture_output=True, text=True, check=False
    )
    steps = dict(re.findall(r"^(\w+) +(ok|failed) +[\d.]+ s$", ended.stdout, re.MULTILINE))
    assert list(steps) == STEPS
    assert [name for name, word in steps.items() if word == "failed"] == MISSING
    assert ended.stdout.splitlines()[-1] == f"failed: {', '.join(MISSING)}, tests"
    assert "FAILED test_one.py::test_slow" in ended.stdout
    assert ended.returncode == 1


def test_every_submission_passes_all_of_it(tmp_path):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text((dev.ROOT / ".ci/run").read_text())
    (tmp_path / "dev.py").write_text(CI)
    ended = subprocess.run(
        ["bash", tmp_path / ".ci/run"], cwd="/", capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (3, "['check', '--all']\n")
