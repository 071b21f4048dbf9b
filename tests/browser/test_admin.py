"""The admin as staff read it: conversations as people saw them, on a phone as well."""

from playwright.async_api import expect

from tests.browser.person import Person

LIST = "/admin/conversations/conversation/"


async def test_a_conversation_opens_as_a_readable_transcript(keeper: Person):
    """On a phone, under the site's own policy: an error in the console would fail it."""
    page = keeper.page
    await keeper.begin("[[echo]] **Two** steps, and a " + "long" * 40)
    await keeper.sees_end()
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(f"{keeper.origin}{LIST}{page.url.split('/c/')[1]}change/")
    agent = page.locator(".message.is-agent")
    await expect(agent.locator("strong")).to_have_text("Two")
    await expect(page.locator(".message.is-person")).to_contain_text("**Two** steps")
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_what_a_list_is_narrowed_by_has_a_name(keeper: Person):
    await keeper.page.goto(f"{keeper.origin}/admin/conversations/turn/")
    for name in ("By state", "By reason"):
        await expect(keeper.page.locator("#changelist-filter").get_by_text(name)).to_be_visible()
