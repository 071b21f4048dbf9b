"""An API key on the running site, as its operator makes one."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from conversations.keys import MARK
from tests.system.account import Account
from tests.system.site import Site


@pytest.fixture(scope="package")
def name(running: Site) -> str:
    """Of the person for whom the programs speak."""
    return Account(running.ports[0]).name


@pytest.fixture(scope="package")
def key(running: Site, name: str) -> str:
    return make_key(running, name)


def make_key(site: Site, user: str, *options: str) -> str:
    said = site.manage("createapikey", user, *options)
    return next(line for line in said.splitlines() if line.startswith(MARK))


@pytest.fixture
def clients(site, key) -> Iterator[list[OpenAI]]:
    """One at each replica."""
    made = [OpenAI(api_key=key, base_url=f"http://127.0.0.1:{port}/v1") for port in site.ports]
    yield made
    for client in made:
        client.close()
