"""What people do before the page's modules are there."""

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.edge import Edge, has_only, say
from tests.waiting import GENEROUS


@pytest_asyncio.fixture(loop_scope="session")
async def modules(page: Page) -> asyncio.Event:
    """Once it is set, they come."""
    may_come = asyncio.Event()

    async def hold(route):
        async with asyncio.timeout(GENEROUS):
            await may_come.wait()
        await route.continue_()

    await page.route("**/chat.js", hold)
    return may_come


async def test_what_is_sent_is_sent_as_soon_as_it_can_be(edge: Edge, page, modules):
    await page.goto(edge.address, wait_until="commit")
    await say(page, "Good day")
    modules.set()
    line = await edge.line()
    await line.snapshot()
    assert (await line.accept("resp_a"))["input"] == "Good day"
    await expect(page.locator(".bubble")).to_have_text(["Good day"])
    await expect(page.get_by_label("Your message")).to_have_value("")


async def test_a_conversation_begins_with_it(edge: Edge, page, modules):
    made = {"id": "b", "url": "/c/b/"}
    await page.route("**/begin/", lambda route: route.fulfill(status=201, json=made))
    there = {"content_type": "text/html", "body": "<h1>Begun</h1>"}
    await page.route("**/c/b/", lambda route: route.fulfill(**there))
    await page.goto(edge.origin, wait_until="commit")
    await say(page, "Good day")
    modules.set()
    await expect(page.get_by_role("heading", name="Begun")).to_be_visible()
    assert "Good day" in await page.evaluate("sessionStorage['agentsite:7:unsent:b']")


@pytest.mark.parametrize("key", ["Shift+Enter", "x"])
async def test_what_is_only_begun_stays_in_the_field(edge: Edge, page, modules, key):
    await page.goto(edge.address, wait_until="commit")
    field = page.get_by_label("Your message")
    await field.fill("Half a thou")
    await page.keyboard.press(key)
    modules.set()
    await (await edge.line()).snapshot()
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    await expect(field).to_have_value("Half a thou" + ("x" if key == "x" else "\n"))


async def test_an_old_draft_is_not_sent_by_it(edge: Edge, page, modules):
    modules.set()
    await edge.open(page)
    await page.get_by_label("Your message").fill("Half a thou")
    modules.clear()
    await page.goto(edge.address, wait_until="commit")
    await page.get_by_label("Your message").press("Enter")
    modules.set()
    await (line := await edge.line()).snapshot()
    await expect(page.get_by_label("Your message")).to_have_value("Half a thou")
    await has_only(line, page, "Another")
