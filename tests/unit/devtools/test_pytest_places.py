"""Which tests of a parallel run stay together, and what comes first."""

import os
import subprocess
import sys
from types import SimpleNamespace

import dev
from devtools import testing
from devtools.pytest_places import SITES, place, pytest_collection_modifyitems

TEST = """
import os, pathlib
def test_one():
    with pathlib.Path("said").open("a") as said:
        said.write(os.environ["PYTEST_XDIST_WORKER"] + " " + __file__ + chr(10))
"""


def test_a_folder_with_a_site_is_one_place_and_any_other_file_is_its_own():
    assert place("tests/system/clients/test_python.py::test_it[a::b]") == "tests/system/"
    assert place("tests/unit/test_env.py::test_it") == "tests/unit/test_env.py"
    for folder in SITES:
        assert 'scope="package"' in (dev.ROOT / folder / "conftest.py").read_text()


def test_folders_with_a_site_come_first():
    names = ["tests/browser/b.py::a", "tests/a.py::b", "tests/a.py::a", "tests/system/a.py::a"]
    items = [SimpleNamespace(nodeid=name) for name in names]
    pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == [names[0], names[3], names[1], names[2]]


def test_one_process_runs_a_folder_with_a_site(tmp_path):
    names = ["tests/a/test_a.py", "tests/system/test_a.py", "tests/system/b/test_b.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib -p xdist")
    command = [sys.executable, "-m", "pytest", *testing.PARALLEL, "tests"]
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(dev.ROOT)}
    subprocess.run([*command, "-n", "2"], cwd=tmp_path, env=os.environ | alone, check=True)
    said = [line.split() for line in (tmp_path / "said").read_text().splitlines()]
    assert len({worker for worker, file in said if "system" in file}) == 1
    assert len(said) == len(names)
