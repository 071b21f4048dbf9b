"""A browser for the session, a fresh profile for each test, and no error left in its console."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    async_playwright,
    expect,
)
from pytest_asyncio import is_async_test

from devtools.browser import find
from tests.browser.edge import pages_of_one, serving
from tests.browser.person import Person
from tests.system.site import Site
from tests.waiting import GENEROUS

PATIENCE = GENEROUS * 1000  # milliseconds
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items):
    """One event loop for all of them, because they share the browser."""
    for item in items:
        if item.path.is_relative_to(__file__.removesuffix("/conftest.py")):
            item.add_marker(pytest.mark.browser)
            if is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser():
    program = find()
    if program is None:
        pytest.fail("There is no browser: apt-get install -y chromium-headless-shell libatomic1")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, timeout=PATIENCE)
        yield browser
        await browser.close()


PROMOTE = (
    "UPDATE auth_user SET is_staff = true, is_superuser = true WHERE username = %s RETURNING id"
)

# What the browser reports and the page tells in words: a socket that cannot be opened, a refusal.
BORNE = (
    "WebSocket connection to",
    "Failed to load resource: the server responded with a status of 409",
)


def is_complaint(line: ConsoleMessage) -> bool:
    return line.type == "error" and not line.text.startswith(BORNE)


@asynccontextmanager
async def profile(
    browser: Browser, **traits: Any
) -> AsyncIterator[tuple[BrowserContext, list[str]]]:
    """A fresh one, and what its pages have reported to their consoles as errors: nothing."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **traits})
    context.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    context.on("console", lambda line: is_complaint(line) and complaints.append(line.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context, complaints
    await context.close()
    assert not complaints


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser):
    """A fresh profile. What a page reports to its console as an error fails the test."""
    async with profile(browser) as (context, _):
        yield context


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def edge():
    """The page without a site: the test answers its sockets."""
    async with serving(pages_of_one()) as edge:
        yield edge


@pytest.fixture(scope="package")
def running(tmp_path_factory):
    """Two replicas, two workers, a provider that does what the messages ask."""
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start_all()
        yield site
    finally:
        site.stop_all()


@pytest.fixture
def site(running: Site):
    """The site with everything up, before and after."""
    yield running
    running.mend()


@pytest_asyncio.fixture(loop_scope="session")
async def ada(page: Page, site: Site) -> Person:
    """Somebody who has just signed up."""
    person = Person(page, f"http://127.0.0.1:{site.ports[0]}")
    await person.sign_up()
    return person


@pytest.fixture
def keeper(ada: Person, site: Site) -> Person:
    """Who looks after the site."""
    site.rows(PROMOTE, ada.name)
    return ada
