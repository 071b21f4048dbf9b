"""The page whose conversation stays in the browser, against a real site."""

import asyncio
import re

from playwright.async_api import expect

from tests.browser.person import Person
from tests.waiting import GENEROUS


async def open_page(ada, site):
    await ada.page.goto(f"http://127.0.0.1:{site.ports[0]}/carried/")


async def say(ada, text):
    await ada.page.get_by_label("Message").fill(text)
    await ada.page.get_by_role("button", name="Send").click()


async def test_it_goes_on_after_a_reload_and_says_when_it_was_cleared(ada, site):
    await open_page(ada, site)
    lines = ada.page.locator("#said li")
    await say(ada, "What is 6 times 7?")
    await expect(lines).to_have_count(2)
    await expect(ada.page.get_by_label("Message")).to_have_value("")
    await ada.page.reload()
    await expect(lines).to_have_count(2)
    await say(ada, "And now?")
    await expect(lines).to_have_count(4)
    await expect(ada.page.get_by_label("Message")).to_have_value("")
    await ada.page.evaluate("localStorage.clear()")
    await ada.page.reload()
    await expect(ada.page.get_by_role("status")).to_contain_text("storage was cleared")
    await expect(lines).to_have_count(0)
    await ada.page.get_by_role("button", name="Forget it").click()
    await expect(ada.page.get_by_role("status")).to_be_hidden()


async def held(page, address: str) -> asyncio.Event:
    """What the page asks for there comes once this is set."""
    may_come = asyncio.Event()

    async def wait(route):
        async with asyncio.timeout(GENEROUS):
            await may_come.wait()
        await route.continue_()

    await page.route(address, wait)
    return may_come


async def test_what_is_sent_before_its_modules_are_there_waits_for_them(ada, site):
    may_come = await held(ada.page, "**/carried/page.js")
    address = f"http://127.0.0.1:{site.ports[0]}/carried/"
    await ada.page.goto(address, wait_until="commit")
    await say(ada, "What is 6 times 7?")
    may_come.set()
    await expect(ada.page.locator("#said li")).to_have_text(
        ["What is 6 times 7?", re.compile("42")]
    )
    assert ada.page.url == address


STORED = "key => { dispatchEvent(new StorageEvent('storage', { key })); }"


async def test_what_other_tabs_keep_does_not_touch_an_answer_that_comes(ada, site):
    await open_page(ada, site)
    lines = ada.page.locator("#said li")
    may_come = await held(ada.page, "**/carried/say/")
    await say(ada, "What is 6 times 7?")
    await expect(lines).to_have_text(["What is 6 times 7?", ""])
    said = ada.page.locator("#said")
    await expect(said).to_have_attribute("aria-busy", "true")
    name = f"agentsite-carried-{await ada.page.evaluate('document.body.dataset.user')}"
    for key in ("agentsite:1:draft:new", name, None):
        await ada.page.evaluate(STORED, key)
        assert await lines.all_text_contents() == ["What is 6 times 7?", ""]
    may_come.set()
    await expect(ada.page.get_by_label("Message")).to_have_value("")
    await expect(said).to_have_attribute("aria-busy", "false")
    await expect(lines).to_have_text(["What is 6 times 7?", re.compile("42")])


async def test_a_tab_follows_what_another_said_and_forgot(ada, site):
    await open_page(ada, site)
    other = Person(await ada.page.context.new_page(), ada.origin, ada.name)
    await open_page(other, site)
    await say(other, "What is 6 times 7?")
    lines = ada.page.locator("#said li")
    await expect(lines).to_have_text(["What is 6 times 7?", re.compile("42")])
    await other.page.get_by_role("button", name="Forget it").click()
    await expect(lines).to_have_count(0)
    await expect(ada.page.get_by_role("status")).to_be_hidden()
