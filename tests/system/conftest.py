"""One running site for all tests of this folder; what a test breaks it mends."""

from collections.abc import Iterator

import pytest

from tests.system.account import Account
from tests.system.site import Site


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start_all()
        yield site
    finally:
        site.stop_all()


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The site with everything up, before and after."""
    running.await_ready()
    yield running
    running.mend()


@pytest.fixture
def account(site: Site) -> Account:
    return Account(site.ports[0])
