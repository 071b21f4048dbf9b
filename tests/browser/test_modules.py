"""The page's modules, each alone: the tests are written in JavaScript, in `js/`."""

import re
from pathlib import Path

import pytest

from tests.browser.files import found

ORIGIN = "http://localhost"
CASES = [
    pytest.param(file.name, name, id=f"{file.stem}: {name}")
    for file in sorted((Path(__file__).parent / "js").glob("test_*.js"))
    for name in re.findall(r'^test\("(.+?)", ', file.read_text(encoding="utf-8"), re.MULTILINE)
]
RUN = "async ([file, name]) => { await import(file); await globalThis.tests.get(name)(); }"


@pytest.mark.parametrize(("file", "name"), CASES)
async def test_module(page, file, name):
    blank = '<!doctype html><body data-user="7" data-conversation="c1"><main></main>'

    async def answer(route):
        path = route.request.url.removeprefix(ORIGIN)
        status, kind, body = found(path, {"/": blank})
        await route.fulfill(status=status, content_type=kind, body=body)

    await page.route(f"{ORIGIN}/**", answer)
    await page.goto(f"{ORIGIN}/")
    await page.evaluate(RUN, [f"/tests/{file}", name])
