"""A tool asks for leave; people answer from the keyboard, another tab, a phone, after a reload."""

from playwright.async_api import expect

ASKS = "Call this conversation Holiday plans"


def approve(person):
    return person.page.get_by_role("button", name="Approve the use of rename")


def refuse(person):
    return person.page.get_by_role("button", name="Refuse the use of rename")


async def begin(person):
    await person.page.get_by_text("Demo").click()
    await person.begin(ASKS)
    await expect(approve(person)).to_be_visible()


async def test_what_is_asked_is_shown_and_approved_by_the_keyboard(ada):
    await begin(ada)
    await expect(ada.turn().locator(".tool")).to_contain_text("Holiday plans")
    await expect(ada.turn().locator(".under")).to_contain_text("Waits for an answer until")
    await approve(ada).focus()
    await ada.page.keyboard.press("Enter")
    await ada.sees_end()
    await expect(ada.answer()).to_contain_text("This conversation is called Holiday plans now")
    await expect(approve(ada)).to_have_count(0)
    await expect(ada.titles).to_have_text(["Holiday plans"])
    await expect(ada.page.locator("h1")).to_have_text("Holiday plans")


async def test_another_tab_on_another_replica_refuses_after_a_reload(ada, site):
    await begin(ada)
    other = await ada.another_tab(f"http://127.0.0.1:{site.ports[1]}")
    await ada.page.reload()
    await expect(approve(ada)).to_be_visible()
    await refuse(other).click()
    for person in (ada, other):
        await person.sees_end()
        await expect(person.answer()).to_contain_text("the title stays as it is")
        await expect(person.turn().locator(".tool summary")).to_contain_text("Wanted to use")


async def test_on_a_phone_the_buttons_are_wide_enough_for_a_finger(ada):
    await ada.page.set_viewport_size({"width": 360, "height": 640})
    await begin(ada)
    for button in (approve(ada), refuse(ada)):
        box = await button.bounding_box()
        assert box["height"] >= 44
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
    await approve(ada).click()
    await ada.sees_end()


async def test_stop_ends_a_turn_that_waits(ada):
    await begin(ada)
    await ada.page.get_by_role("button", name="Stop the answer").click()
    await expect(ada.turn().locator(".under")).to_contain_text("Stopped")
    await expect(approve(ada)).to_have_count(0)
