"""What people read while the site is away or out of order."""

from playwright.async_api import expect

from tests.browser.edge import COUNTING, Edge, ended, say


async def test_a_lost_connection_is_told_after_a_moment_and_the_words_go(edge: Edge, page):
    line = await edge.open(page)
    await expect(page.get_by_role("status").locator("#notice[hidden]")).to_have_count(1)
    await page.context.set_offline(True)
    await line.close(1012)
    await expect(page.locator("#notice")).to_contain_text("No connection to the site")
    await page.context.set_offline(False)
    await (await edge.line()).snapshot()
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_site_that_takes_no_message_is_told_in_words_until_it_does(edge: Edge, page):
    """Its rows can be read and none can be written, say: each line opens, and a message closes it."""
    line = await edge.open(page)
    await say(page, "Good day")
    await line.frame("response.create")
    await line.close(1011)
    notice = page.locator("#notice")
    again = await edge.line()
    await again.snapshot()
    await again.frame("response.create")
    await expect(notice).to_contain_text("The site has a fault at the moment. Trying again…")
    await expect(notice).to_contain_text("What you sent waits here until it is taken.")
    await again.close(1011)
    await page.get_by_role("button", name="Try now").click()
    await expect(page.get_by_label("Your message")).to_be_focused()
    last = await edge.line()
    await last.snapshot(replica="replica-2")
    await expect(page.locator("#whereabouts")).to_have_text("via replica-2")
    await expect(notice).to_be_visible()
    await last.accept("resp_a")
    await expect(notice).to_be_hidden()


async def test_an_error_goes_when_it_was_read_and_that_the_site_is_away_when_it_answers(
    edge: Edge, page
):
    line = await edge.open(page)
    notice = page.locator("#notice")
    await line.send({"type": "error", "code": "invalid_json", "message": "Not JSON."})
    await expect(notice).to_contain_text("Not JSON.")
    await page.get_by_role("button", name="Dismiss").click()
    await expect(notice).to_be_hidden()
    await line.send({"type": "error", "code": "offline"})
    await expect(notice).to_contain_text("The site cannot be reached.")
    await line.send({"type": "agentsite:pong"})
    await expect(notice).to_be_hidden()


SCROLLED = """async box => {
    for (const place of [500, 400, 300, 200]) {
        box.scrollTop = place;
        await new Promise((done) => box.addEventListener("scroll", done, { once: true }));
    }
}"""


async def test_older_messages_that_cannot_be_had_are_not_asked_for_by_each_step(edge: Edge, page):
    await page.add_init_script(COUNTING)
    await page.route("**/earlier/*", lambda route: route.fulfill(status=409, body=""))
    await edge.open(page, has_more=True, **ended("resp_a", "failed", "Hi\n" * 200))
    scroll, notice = page.locator("#scroll"), page.locator("#notice")
    await expect(page.get_by_role("button", name="Try again")).to_be_in_viewport()
    await scroll.evaluate("box => { box.scrollTop = 550; }")
    await expect(notice).to_contain_text("The site cannot be reached.")
    await scroll.evaluate(SCROLLED)
    assert await page.evaluate("window.asked") == 1
    await page.get_by_role("button", name="Show earlier messages").click()
    assert await page.evaluate("window.asked") == 2
