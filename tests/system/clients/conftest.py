"""An API key on the running site, as its operator makes one."""

import subprocess
import sys

import pytest

from tests.system.account import Account
from tests.system.site import Site


@pytest.fixture(scope="session")
def name(running: Site) -> str:
    """Of the person for whom the programs speak."""
    return Account(running.ports[0]).name


@pytest.fixture(scope="session")
def key(running: Site, name: str) -> str:
    return make_key(running, name)


def make_key(site: Site, user: str, *options: str) -> str:
    command = [sys.executable, "manage.py", "createapikey", user, *options]
    made = subprocess.run(command, env=site.environment, check=True, capture_output=True, text=True)
    return made.stdout.strip()
