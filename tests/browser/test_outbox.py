"""What waits to be sent: nothing that the socket cannot carry, and nothing twice."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.browser.edge import CONVERSATION, Edge, Line, ended

LONG = "ä" * 31_000  # fits into HTTP, not into a frame
UNSENT = f"agentsite:7:unsent:{CONVERSATION}"


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def has_only(line: Line, page: Page, text: str) -> None:
    """Nothing was sent before this."""
    await say(page, text)
    assert (await line.frame("response.create"))["input"] == text


async def test_a_failed_message_that_no_frame_carries_goes_into_the_field(edge: Edge, page):
    line = await edge.open(page, **ended("resp_a", "failed", LONG))
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#notice")).to_have_text("This message is too long to send.")
    await expect(page.get_by_label("Your message")).to_have_value(LONG)
    await expect(page.locator(".turn")).to_have_count(1)
    await has_only(line, page, "Shorter")


async def test_a_draft_is_not_lost_to_a_failed_message_that_is_too_long(edge: Edge, page):
    await edge.open(page, **ended("resp_a", "failed", LONG))
    await page.get_by_label("Your message").fill("Half a thou")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#notice")).to_have_text("This message is too long to send.")
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
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator(".bubble")).to_have_text(["Next"])
