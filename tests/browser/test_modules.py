"""The page's modules, each alone: the tests are written in JavaScript, in `js/`."""

import asyncio
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from conversations.admin.turns import CODES
from tests.browser.files import found
from tests.waiting import GENEROUS

ORIGIN = "http://localhost"
CASES = [
    pytest.param(file.name, name, id=f"{file.stem}: {name}")
    for file in sorted((Path(__file__).parent / "js").glob("test_*.js"))
    for name in re.findall(r'^test\("(.+?)", ', file.read_text(encoding="utf-8"), re.MULTILINE)
]
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


@pytest_asyncio.fixture(loop_scope="session")
async def blank(page: Page) -> Page:
    """A page of nothing that may load the modules."""

    async def answer(route):
        path = route.request.url.removeprefix(ORIGIN)
        status, kind, body = found(path, {"/": BLANK})
        await route.fulfill(status=status, content_type=kind, body=body)

    await page.route(f"{ORIGIN}/**", answer)
    await page.goto(f"{ORIGIN}/")
    return page


@pytest.mark.parametrize(("file", "name"), CASES)
async def test_module(blank, file, name):
    async with asyncio.timeout(GENEROUS):
        await blank.evaluate(RUN, [f"/tests/{file}", name])


async def test_every_code_that_the_site_sends_has_words_of_its_own(blank):
    assert await blank.evaluate(WORDLESS, [*CODES, *ERRORS]) == ["server_error"]
