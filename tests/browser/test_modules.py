"""The page's modules, each alone: the tests are written in JavaScript, in `js/`."""

import asyncio
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from conversations.admin.turns import CODES
from tests.browser.conftest import profile
from tests.browser.edge import serving
from tests.waiting import GENEROUS

CASES = [
    pytest.param(file.name, name, id=f"{file.stem}: {name}")
    for file in sorted((Path(__file__).parent / "js").glob("test_*.js"))
    for name in re.findall(r'^test\("(.+?)", ', file.read_text(encoding="utf-8"), re.MULTILINE)
]
FORGET = "localStorage.clear(); sessionStorage.clear()"
RUN = "async ([file, name]) => { await import(file); await globalThis.tests.get(name)(); }"


BLANK = '<!doctype html><body data-user="7" data-conversation="c1"><main></main>'
# What people's own doing brings; the others would be faults of the page, and are told as they come.
ERRORS = (
    "too_large", "version_conflict", "response_in_progress", "already_answered", "not_found",
    "rate_limited", "not_logged_in",
)  # fmt: skip
WORDLESS = """async (codes) => {
    const { failure } = await import("/static/conversations/words.js");
    return codes.filter((code) => failure({ code, message: "" }) === failure());
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened(browser: Browser):
    """One page for all of them, for a process of its own costs more than most of these tests."""
    async with serving({"/": BLANK}) as edge, profile(browser) as (context, complaints):
        page = await context.new_page()
        await page.goto(edge.origin)
        yield page, complaints


@pytest_asyncio.fixture(loop_scope="session")
async def blank(opened: tuple[Page, list[str]]):
    """A new document of nothing that may load the modules, and no error in its console."""
    page, complaints = opened
    await page.context.clear_cookies()
    await page.reload()
    await page.evaluate(FORGET)
    yield page
    told, complaints[:] = complaints[:], []
    assert not told


@pytest.mark.parametrize(("file", "name"), CASES)
async def test_module(blank, file, name):
    async with asyncio.timeout(GENEROUS):
        await blank.evaluate(RUN, [f"/tests/{file}", name])


async def test_every_code_that_the_site_sends_has_words_of_its_own(blank):
    assert await blank.evaluate(WORDLESS, [*CODES, *ERRORS]) == ["server_error"]
