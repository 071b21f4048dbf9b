"""Somebody at a browser: does what people do, sees what they see."""

from uuid import uuid4

from playwright.async_api import Locator, Page, expect

PASSWORD = "a long passphrase"


class Person:
    """One page of one browser."""

    def __init__(self, page: Page, origin: str, name: str = "") -> None:
        self.page, self.origin = page, origin
        self.name = name or f"person-{uuid4().hex[:8]}"

    async def sign_up(self) -> None:
        await self.page.goto(f"{self.origin}/signup/")
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        await self.page.get_by_label("Password confirmation").fill(PASSWORD)
        await self.page.get_by_role("button", name="Create account").click()
        await expect(self.field).to_be_visible()

    async def another_tab(self, origin: str) -> "Person":
        """The same conversation in a second tab, through another address."""
        page = await self.page.context.new_page()
        person = Person(page, origin, self.name)
        await page.goto(self.page.url.replace(self.origin, origin))
        return person

    @property
    def field(self) -> Locator:
        return self.page.get_by_label("Your message")

    async def say(self, text: str) -> None:
        """Say it, and see it: from then on the last turn is this one."""
        await self._send(text)
        await expect(self.turn().locator(".bubble")).to_have_text(text)

    async def begin(self, text: str) -> None:
        """Say the first words of a conversation."""
        await self._send(text)
        await self.page.wait_for_url("**/c/**")

    async def _send(self, text: str) -> None:
        await self.field.fill(text)
        await expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
        await self.field.press("Enter")

    # --- What is on the page

    def turn(self, index: int = -1) -> Locator:
        return self.page.locator(".turn").nth(index)

    def answer(self, index: int = -1) -> Locator:
        return self.turn(index).locator(".answer")

    @property
    def bubbles(self) -> Locator:
        return self.page.locator(".bubble")

    @property
    def titles(self) -> Locator:
        return self.page.locator("#list li > a")

    async def sees_end(self, status: str = "completed", index: int = -1) -> None:
        await expect(self.turn(index)).to_have_attribute("data-status", status)
