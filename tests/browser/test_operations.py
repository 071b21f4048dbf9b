"""The page Operations as staff use it: on a phone, by keyboard, with a real worker that obeys."""

import asyncio

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.person import Person
from tests.system.site import Site
from tests.waiting import eventually

SAMPLED = "SELECT 1 FROM workers_poolsample WHERE pool = 'default'"


@pytest_asyncio.fixture(loop_scope="session")
async def staff(keeper: Person, site: Site) -> Person:
    """On the page, once there is something to draw."""
    await asyncio.to_thread(eventually, lambda: site.rows(SAMPLED))
    await keeper.page.goto(f"{keeper.origin}/admin/operations/")
    return keeper


async def focused(person: Person) -> str:
    """The name of what has the focus."""
    read = "document.activeElement.ariaLabel || document.activeElement.innerText"
    return await person.page.evaluate(read)


async def tab_to(person: Person, name: str) -> None:
    for _ in range(60):
        if await focused(person) == name:
            return
        await person.page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached")


async def test_a_pool_is_paused_and_resumed_by_keyboard_alone(staff: Person, site: Site):
    await tab_to(staff, "Pause the pool default")
    await staff.page.keyboard.press("Enter")
    await expect(staff.page.get_by_role("heading", name="Pause the pool default?")).to_be_visible()
    await tab_to(staff, "Pause")
    await staff.page.keyboard.press("Enter")
    await expect(staff.page.get_by_text("The pool default is paused.")).to_be_visible()
    await staff.page.get_by_label("Resume the pool default").click()
    await staff.page.get_by_role("button", name="Resume").click()
    await expect(staff.page.get_by_text("The pool default works again.")).to_be_visible()


async def test_it_fits_on_a_phone(staff: Person):
    await staff.page.set_viewport_size({"width": 360, "height": 740})
    width = await staff.page.evaluate("document.documentElement.scrollWidth")
    assert width == 360
    await expect(staff.page.get_by_role("link", name="Drain").first).to_be_attached()


async def test_its_charts_are_read_out(staff: Person):
    chart = staff.page.get_by_role("img", name="Waiting 0, in the last hour at most").first
    await expect(chart).to_be_visible()
