"""What waits to be sent: nothing that the socket cannot carry, and nothing twice."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.browser.edge import CONVERSATION, Edge, ended, has_only, say

LONG = "ä" * 31_000  # fits into HTTP, not into a frame
UNSENT = f"agentsite:7:unsent:{CONVERSATION}"


async def twice(page: Page, name: str) -> None:
    """Both before the page is drawn anew."""
    button = page.get_by_role("button", name=name)
    await button.evaluate("button => { button.click(); button.click(); }")


async def test_a_failed_message_that_no_frame_carries_goes_into_the_field(edge: Edge, page):
    line = await edge.open(page, **ended("resp_a", "failed", LONG))
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#notice")).to_contain_text("This message is too long to send.")
    await expect(page.get_by_label("Your message")).to_have_value(LONG)
    await expect(page.locator(".turn")).to_have_count(1)
    await has_only(line, page, "Shorter")


async def test_a_draft_is_not_lost_to_a_failed_message_that_is_too_long(edge: Edge, page):
    await edge.open(page, **ended("resp_a", "failed", LONG))
    await page.get_by_label("Your message").fill("Half a thou")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#notice")).to_contain_text("This message is too long to send.")
    await expect(page.get_by_label("Your message")).to_have_value("Half a thou")


@pytest.mark.parametrize(("text", "shown"), [(LONG, LONG), ("", ""), (None, "")])
async def test_what_a_new_page_finds_and_cannot_send_does_not_wait_in_it(
    edge: Edge, page, text, shown
):
    await edge.open(page)
    kept = json.dumps([{"key": "k1", "text": text}])
    await page.evaluate("([name, kept]) => sessionStorage.setItem(name, kept)", [UNSENT, kept])
    await page.reload()
    line = await edge.line()
    await line.snapshot()
    await expect(page.get_by_label("Your message")).to_have_value(shown)
    await expect(page.locator(".turn")).to_have_count(0)
    assert await page.evaluate("name => sessionStorage.getItem(name)", UNSENT) is None
    await has_only(line, page, "Shorter")


async def test_a_message_that_closed_the_socket_as_too_big_is_not_sent_again(edge: Edge, page):
    line = await edge.open(page)
    await say(page, "Big")
    await line.frame("response.create")
    await line.close(1009)
    await expect(page.locator(".fate")).to_contain_text("This message is too long to send.")
    again = await edge.line()
    await again.snapshot()
    await has_only(again, page, "Next")
    await page.get_by_role("button", name="Discard").first.click()
    await expect(page.locator(".bubble")).to_have_text(["Next"])


REFUSING = """Object.defineProperty(window, 'sessionStorage', {
    get() { throw new DOMException('forbidden', 'SecurityError'); },
});"""


async def test_what_no_new_page_would_find_stays_where_it_is(edge: Edge, page):
    made = {"id": "b", "url": "/c/b/", "input": "Hi"}
    there = {"content_type": "text/html", "body": '<li><a href="/c/b/">Hi</a></li>'}
    await page.add_init_script(REFUSING)
    for address in ("**/begin/", "**/fork/"):
        await page.route(address, lambda route: route.fulfill(status=201, json=made))
    await page.route("**/conversations/", lambda route: route.fulfill(**there))
    await page.goto(f"{edge.origin}/")
    await say(page, "Good day")
    await expect(page.locator("#notice")).to_contain_text("Open the new conversation in the list")
    await expect(page.locator("#list")).to_have_text("Hi")
    await expect(page.get_by_label("Your message")).to_have_value("Good day")
    await edge.open(page, **ended("resp_a", "completed", "Hi"))
    await page.get_by_role("button", name="Regenerate").click()
    await expect(page.locator("#notice")).to_contain_text("Open the new conversation in the list")


async def test_a_failed_answer_is_asked_again_once(edge: Edge, page):
    line = await edge.open(page, **ended("resp_a", "failed", "Well?"))
    await twice(page, "Try again")
    assert (await line.accept("resp_b"))["input"] == "Well?"
    await expect(page.locator(".bubble")).to_have_text(["Well?", "Well?"])
    await expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    await has_only(line, page, "Next")


async def test_what_is_asked_again_and_discarded_can_be_asked_again(edge: Edge, page):
    line = await edge.open(page, **ended("resp_a", "failed", "Well?"))
    await page.get_by_role("button", name="Try again").click()
    key = (await line.frame("response.create"))["idempotency_key"]
    await line.send({"type": "error", "code": "rate_limited", "idempotency_key": key})
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator(".turn")).to_have_count(1)  # and the other button is the failed one's
    await page.get_by_role("button", name="Try again").click()
    assert (await line.frame("response.create"))["input"] == "Well?"


CLICK_WHILE_LEAVING = """button => {
    const ask = window.fetch;
    window.fetch = (...all) => {
        sessionStorage.asked = `${sessionStorage.asked ?? ''}!`;
        return ask(...all);
    };
    addEventListener('beforeunload', () => setTimeout(() => button.click()));
}"""


@pytest.mark.parametrize("name", ["Regenerate", "Edit"])
async def test_one_way_on_is_asked_for_at_a_time(edge: Edge, page, name):
    made = {"id": "b", "url": "/c/b/", "input": "Hi"}
    there = {"content_type": "text/html", "body": "<h1>Another</h1>"}
    await page.route("**/fork/", lambda route: route.fulfill(status=201, json=made))
    await page.route("**/c/b/", lambda route: route.fulfill(**there))
    await edge.open(page, **ended("resp_a", "completed", "Hi"))
    await page.get_by_role("button", name=name).evaluate(CLICK_WHILE_LEAVING)
    await twice(page, name)
    await expect(page.get_by_role("heading", name="Another")).to_be_visible()
    assert await page.evaluate("sessionStorage.asked") == "!"


async def test_after_a_way_that_leads_nowhere_another_can_be_taken(edge: Edge, page):
    await edge.open(page, **ended("resp_a", "completed", "Hi"))
    busy = {"error": {"code": "response_in_progress"}}
    await page.route("**/fork/", lambda route: route.fulfill(status=409, json=busy))
    await page.get_by_role("button", name="Regenerate").click()
    await expect(page.locator("#notice")).to_contain_text("An answer is still being made")
    await expect(page.get_by_label("Your message")).to_be_focused()
    async with page.expect_response("**/fork/"):
        await page.get_by_role("button", name="Regenerate").click()
