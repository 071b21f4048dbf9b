"""The page whose conversation stays in the browser, against a real site."""

from playwright.async_api import expect


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
