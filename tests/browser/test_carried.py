"""The page whose conversation stays in the browser, against a real site."""

from playwright.async_api import expect

from tests.browser.person import Person


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


STORED = "key => { dispatchEvent(new StorageEvent('storage', { key })); }"


async def test_what_other_tabs_keep_does_not_touch_an_answer_that_comes(ada, site):
    await open_page(ada, site)
    lines = ada.page.locator("#said li")
    await say(ada, "[[hold after=1]]")
    await expect(lines).to_have_text(["[[hold after=1]]", "word0"])
    shown = await lines.all_text_contents()
    name = f"agentsite-carried-{await ada.page.evaluate('document.body.dataset.user')}"
    for key in ("agentsite:1:draft:new", name, None):
        await ada.page.evaluate(STORED, key)
        assert await lines.all_text_contents() == shown
    site.release()
    await expect(lines.last).to_have_text("word0 word1 word2 word3 word4")
    await expect(ada.page.get_by_label("Message")).to_have_value("")


async def test_a_tab_follows_what_another_said_and_forgot(ada, site):
    await open_page(ada, site)
    other = Person(await ada.page.context.new_page(), ada.origin, ada.name)
    await open_page(other, site)
    await say(other, "[[stream deltas=2]]")
    said = ["[[stream deltas=2]]", "word0 word1"]
    await expect(ada.page.locator("#said li")).to_have_text(said)
    await other.page.get_by_role("button", name="Forget it").click()
    await expect(ada.page.locator("#said li")).to_have_count(0)
