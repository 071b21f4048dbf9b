"""The admin as staff read it: conversations as people saw them, on a phone as well."""

from playwright.async_api import expect

from tests.browser.person import Person

LIST = "/admin/conversations/conversation/"
PHONE = {"width": 360, "height": 740}


async def test_a_conversation_opens_as_a_readable_transcript(keeper: Person):
    """On a phone, under the site's own policy: an error in the console would fail it."""
    page = keeper.page
    await keeper.begin("[[echo]] **Two** steps, and a " + "long" * 40)
    await keeper.sees_end()
    await page.set_viewport_size(PHONE)
    await page.goto(f"{keeper.origin}{LIST}{page.url.split('/c/')[1]}change/")
    agent = page.locator(".message.is-agent")
    await expect(agent.locator("strong")).to_have_text("Two")
    await expect(page.locator(".message.is-person")).to_contain_text("**Two** steps")
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


async def test_what_a_list_is_narrowed_by_has_a_name(keeper: Person):
    page = keeper.page
    await page.goto(f"{keeper.origin}/admin/conversations/turn/")
    narrowing = page.locator("#changelist-filter")
    for name in ("By state", "By reason"):
        await expect(narrowing.get_by_text(name)).to_be_visible()
    await page.set_viewport_size(PHONE)  # where its rows still follow it at once
    spare = "box => box.clientHeight - [...box.children].at(-1).getBoundingClientRect().bottom + box.getBoundingClientRect().top"
    assert await narrowing.evaluate(spare) < 20


async def test_on_a_phone_the_name_of_a_worker_can_be_read(keeper: Person):
    page = keeper.page
    await page.set_viewport_size(PHONE)
    await page.goto(f"{keeper.origin}/admin/workers/workerprocess/")
    name = page.locator("#result_list .field-name").first
    assert (await name.bounding_box())["width"] > 120
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
