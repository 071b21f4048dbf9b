"""Copy buttons: of a block of code, and of a whole answer."""

from playwright.async_api import expect

TEXT = "Two lines:\n\n```py\na = 1\n\nb = 2\n```\n\n**Done.**"


def told(place: int, text: str, *, status: str = "completed") -> dict:
    content = [{"type": "output_text", "text": text}]
    item = {"type": "message", "role": "assistant", "status": status, "content": content}
    return {**item, "id": f"msg_a_{place}", "response_id": "resp_a"}


async def opened(edge, page, *items: dict):
    """Copied is what a button says until the test lets time pass."""
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.clock.install()
    responses = [{"response_id": "resp_a", "status": "completed", "sequence_number": 9}]
    await edge.open(page, items=list(items), responses=responses)
    await expect(page.get_by_role("button", name="Copy").first).to_be_visible()
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 20"))


async def copied(page) -> str:
    return await page.evaluate("() => navigator.clipboard.readText()")


async def test_a_block_of_code_is_copied_as_it_is(edge, page):
    await opened(edge, page, told(0, TEXT))
    button = page.locator(".code").get_by_role("button")
    for _ in range(2):
        await button.click()
        await expect(button).to_have_text("Copied")
    assert await copied(page) == "a = 1\n\nb = 2"
    await page.clock.run_for(5000)
    await expect(button).to_have_text("Copy")


async def test_an_answer_is_copied_as_markdown_without_what_was_superseded(edge, page):
    await opened(edge, page, told(0, "Two li", status="incomplete"), told(1, TEXT))
    button = page.locator(".under").get_by_role("button")
    await button.click()
    await expect(button).to_have_text("Copied")
    assert await copied(page) == TEXT
