"""For every hand and screen: keyboard only, phone width, less motion, long answers."""

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import profile
from tests.browser.edge import Edge, ended, say
from tests.browser.person import PASSWORD, Person
from tests.waiting import GENEROUS

PHONE = {"width": 390, "height": 844}


@pytest_asyncio.fixture(loop_scope="session")
async def phone(ada) -> Person:
    await ada.page.set_viewport_size(PHONE)
    return ada


async def widths(page) -> tuple[int, int]:
    return await page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")


async def test_on_a_phone_nothing_is_wider_than_the_screen(phone, site):
    await phone.begin("[[echo]] " + "wide" * 100)
    await phone.sees_end()
    wide, screen = await widths(phone.page)
    assert wide <= screen == PHONE["width"]


async def test_on_a_phone_a_title_is_no_wider_than_the_screen_either(phone):
    await phone.begin("[[echo]] Remember that the dog of my neighbours is called Ada.")
    await phone.sees_end()
    await expect(phone.page.locator("h1")).to_contain_text("Remember that")
    wide, screen = await widths(phone.page)
    assert wide <= screen == PHONE["width"]


async def test_on_a_phone_the_list_is_a_drawer(phone):
    await expect(phone.page.locator("#drawer")).to_be_hidden()
    await phone.page.get_by_role("button", name="Open the list of conversations").click()
    await expect(phone.page.get_by_role("link", name="New conversation")).to_be_visible()
    await expect(phone.page.get_by_role("button", name="Close the list")).to_be_focused()
    await phone.page.keyboard.press("Escape")
    await expect(phone.page.locator("#drawer")).to_be_hidden()
    await expect(phone.page.locator("#drawer-open")).to_be_focused()


SMALL = """() => [...document.querySelectorAll("button, summary, #drawer footer a")]
    .filter((one) => one.checkVisibility())
    .map((one) => [one.ariaLabel || one.textContent, one.getBoundingClientRect().height])
    .filter(([, height]) => height < 36)"""


@pytest_asyncio.fixture(loop_scope="session")
async def touched(browser):
    """A page on a phone, under a finger."""
    async with profile(browser, has_touch=True, is_mobile=True, viewport=PHONE) as (context, _):
        yield await context.new_page()


async def test_what_a_finger_presses_is_large_enough(edge: Edge, touched):
    await edge.open(touched, **ended("resp_a", "failed", "Hi"))
    await expect(touched.get_by_role("button", name="Try again")).to_be_visible()
    await touched.get_by_role("button", name="Open the list of conversations").tap()
    await expect(touched.get_by_role("button", name="Rename A talk")).to_be_visible()
    assert await touched.evaluate(SMALL) == []


GAP_BELOW = """([above, below]) => below.getBoundingClientRect().top - above.getBoundingClientRect().bottom"""


async def test_on_a_phone_what_becomes_of_a_message_stands_right_below_it(edge: Edge, touched):
    line = await edge.open(touched)
    await say(touched, "Good day")
    await line.accept("resp_a")
    await expect(touched.locator(".fate")).to_contain_text("Queued")
    pair = [await touched.locator(name).element_handle() for name in (".bubble", ".fate")]
    assert await touched.evaluate(GAP_BELOW, pair) < 8


async def test_on_a_phone_a_dialog_leads_back_to_the_list(edge: Edge, page):
    await page.set_viewport_size(PHONE)
    await edge.open(page)
    await page.get_by_role("button", name="Open the list of conversations").click()
    rename = page.get_by_role("button", name="Rename A talk")
    await rename.press("Enter")
    await expect(page.get_by_label("Title")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(rename).to_be_focused()


async def test_all_of_it_works_with_the_keyboard_alone(page, site):
    await page.goto(f"http://127.0.0.1:{site.ports[0]}/signup/")
    await expect(page.get_by_label("Username")).to_be_focused()
    for text in ("keyboard-only", PASSWORD, PASSWORD):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    person = Person(page, "")
    await expect(person.field).to_be_focused()
    await page.keyboard.type("[[stall after=1]]")
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    await page.keyboard.press("Enter")
    await expect(person.answer()).to_have_text("word0")
    await page.keyboard.press("Escape")
    await person.sees_end("incomplete")


async def test_a_conversation_is_renamed_with_the_keyboard_alone(ada):
    await ada.begin("[[stream]]")
    await expect(ada.field).to_be_focused()
    await ada.titles.focus()
    await ada.page.keyboard.press("Tab")
    await ada.page.keyboard.press("Enter")
    await ada.page.keyboard.type("By keys")
    await ada.page.keyboard.press("Enter")
    await expect(ada.titles).to_have_text(["By keys"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_both_schemes(ada, scheme):
    await ada.page.emulate_media(color_scheme=scheme)
    colours = "() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    text, ground = await ada.page.evaluate(colours)
    assert contrast(text, ground) > 7


QUIET = """selector => {
    const style = getComputedStyle(document.querySelector(selector));
    return [style.color, style.opacity];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_small_text_can_be_read_in_both_schemes(edge: Edge, page, scheme):
    await page.emulate_media(color_scheme=scheme)
    await edge.open(page, **ended("resp_a", "failed", "Hi"))
    await expect(page.locator(".worker")).to_have_text("w-1")
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    for selector in (".worker", ".under button", ".problem", ".keys", "#whereabouts", ".who"):
        colour, opacity = await page.evaluate(QUIET, selector)
        assert opacity == "1", selector
        assert contrast(colour, ground) >= 4.5, selector


async def test_on_paper_there_is_all_that_was_said(edge: Edge, page):
    await edge.open(page, **ended("resp_a", "failed", "Hi\n" * 200))
    await expect(page.locator(".bubble")).to_be_visible()
    await page.emulate_media(media="print")
    heights = "box => [box.scrollHeight, box.clientHeight]"
    whole, shown = await page.locator("#scroll").evaluate(heights)
    assert whole == shown > 2000
    await expect(page.get_by_label("Your message")).to_be_hidden()


async def test_what_is_written_from_right_to_left_is_shown_so(edge: Edge, page):
    await edge.open(page, **ended("resp_a", "failed", "سلام"))
    await page.get_by_label("Your message").fill("مرحبا")
    for place in (page.get_by_label("Your message"), page.locator(".bubble")):
        await expect(place).to_have_css("direction", "rtl")
    for title in (page.locator("#heading"), page.locator("#list a")):
        await expect(title).to_have_attribute("dir", "auto")


def contrast(first: str, second: str) -> float:
    """As WCAG 2 has it."""
    light, dark = sorted(map(luminance, (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_whoever_asks_for_less_motion_gets_none(ada):
    await ada.page.emulate_media(reduced_motion="reduce")
    await ada.begin("[[stall after=0]]")
    dot = ada.page.locator(".dots i").first
    seconds = await dot.evaluate("dot => parseFloat(getComputedStyle(dot).animationDuration)")
    assert seconds < 0.001
    await ada.page.keyboard.press("Escape")
    await ada.sees_end("incomplete")  # or the worker would go on


async def test_listeners_hear_begin_and_end_and_nothing_between(ada, site):
    await ada.begin("[[hold after=1]]")
    voice = ada.page.locator("#voice")
    await expect(voice).to_have_text("The answer begins.")
    assert await ada.page.locator("#transcript").get_attribute("aria-live") == "off"
    await expect(ada.answer()).to_have_text("word0")
    site.release()
    await expect(voice).to_have_text("The answer is complete.")


LONG = "[[stream deltas=400 size=40]]"


async def test_the_screen_follows_only_who_is_at_the_end(ada, site):
    await ada.begin(LONG)
    await ada.sees_end()
    await is_at_the_end(ada.page)
    await ada.page.locator("#scroll").evaluate("box => { box.scrollTop = 0; }")
    await expect(ada.page.get_by_role("button", name="Latest")).to_be_visible()
    other = await ada.another_tab(ada.origin)
    await other.say("[[stream deltas=3]]")
    await ada.sees_end(index=1)
    assert await ada.page.locator("#scroll").evaluate("box => box.scrollTop") == 0
    await ada.page.get_by_role("button", name="Latest").click()
    await is_at_the_end(ada.page)


GAP = "box => box.scrollHeight - box.scrollTop - box.clientHeight"


async def is_at_the_end(page) -> None:
    """Wait until the screen shows it; what is drawn anew has another height first."""
    async with asyncio.timeout(GENEROUS):
        while await page.locator("#scroll").evaluate(GAP) >= 2:  # noqa: ASYNC110 - a browser
            await asyncio.sleep(0.02)


async def test_a_conversation_is_found_and_opened_with_the_keyboard_alone(ada):
    for words in ("Bridges of Norway", "Trains of Japan"):
        await ada.page.goto(ada.origin)
        await ada.begin(f"[[stream]] {words}")
    await expect(ada.field).to_be_focused()
    await ada.page.keyboard.press("Control+k")
    await expect(ada.page.get_by_role("searchbox", name="Find a conversation")).to_be_focused()
    await ada.page.keyboard.type("norway br")
    await expect(ada.titles).to_have_text(["[[stream]] Bridges of Norway"])
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.locator("h1")).to_have_text("[[stream]] Bridges of Norway")
    await expect(ada.titles).to_have_count(2)


async def test_on_a_phone_the_search_opens_the_drawer(phone):
    await expect(phone.field).to_be_focused()
    await expect(phone.page.locator("#drawer")).to_be_hidden()
    await phone.page.keyboard.press("Control+k")
    await expect(phone.page.get_by_role("searchbox")).to_be_focused()
    await expect(phone.page.get_by_role("link", name="New conversation")).to_be_visible()
