"""Copy buttons: of a block of code, and of a whole answer."""

from playwright.async_api import expect

TEXT = "Two lines:\n\n```py\na = 1\n\nb = 2\n```\n\n**Done.**"


def told(place: int, text: str, *, status: str = "completed") -> dict:
    content = [{"type": "output_text", "text": text}]
    item = {"type": "message", "role": "assistant", "status": status, "content": content}
    return {**item, "id": f"msg_a_{place}", "response_id": "resp_a"}


async def opened(edge, page, *items: dict) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(edge.address)
    line = await edge.line()
    responses = [{"response_id": "resp_a", "status": "completed", "sequence_number": 9}]
    await line.snapshot(items=list(items), responses=responses)


async def copied(page) -> str:
    return await page.evaluate("() => navigator.clipboard.readText()")


async def test_a_block_of_code_is_copied_as_it_is(edge, page):
    await opened(edge, page, told(0, TEXT))
    await page.locator(".code").get_by_role("button", name="Copy").click()
    await expect(page.locator(".code").get_by_role("button")).to_have_text("Copied")
    assert await copied(page) == "a = 1\n\nb = 2"


async def test_an_answer_is_copied_as_markdown_without_what_was_superseded(edge, page):
    await opened(edge, page, told(0, "Two li", status="incomplete"), told(1, TEXT))
    await page.locator(".under").get_by_role("button", name="Copy").click()
    await expect(page.locator(".under").get_by_role("button")).to_have_text("Copied")
    assert await copied(page) == TEXT
