"""People edit what they said, or have it answered anew; the original stays as it is."""

from playwright.async_api import expect


async def away(person, act):
    """Do what leads to another conversation, and wait until it is there."""
    before = person.page.url
    await act
    await person.page.wait_for_url(lambda url: url != before and "/c/" in url)
    return before


def button(person, name, index=-1):
    return person.turn(index).get_by_role("button", name=name)


async def test_an_edited_message_is_answered_in_a_conversation_of_its_own(ada):
    await ada.begin("[[stream deltas=1]] one")
    await ada.sees_end()
    await ada.say("[[stream deltas=2]] two")
    await ada.sees_end()
    await ada.turn().hover()
    original = await away(ada, button(ada, "Edit").click())
    await expect(ada.field).to_have_value("[[stream deltas=2]] two")
    await ada.say("[[stream deltas=3]] three")
    await ada.sees_end()
    await expect(ada.page.locator(".answer")).to_have_text(["word0", "word0 word1 word2"])
    await ada.page.goto(original)
    await expect(ada.page.locator(".answer")).to_have_text(["word0", "word0 word1"])


async def test_an_answer_is_made_anew_after_the_same_messages(ada):
    await ada.begin("[[stream deltas=1]] one")
    await ada.sees_end()
    await ada.say("[[stream deltas=2]] two")
    await ada.sees_end()
    await away(ada, button(ada, "Regenerate").click())
    await ada.sees_end()
    await expect(ada.bubbles).to_have_text(["[[stream deltas=1]] one", "[[stream deltas=2]] two"])
    await expect(ada.page.locator(".answer")).to_have_text(["word0", "word0 word1"])
    await expect(ada.titles).to_have_count(2)


async def test_both_are_within_the_keyboards_reach(ada):
    await ada.begin("[[stream deltas=1]] one")
    await ada.sees_end()
    edit = button(ada, "Edit")
    await ada.page.mouse.move(0, 0)
    await expect(edit).to_have_css("opacity", "0")
    await ada.page.locator("#scroll").focus()
    await ada.page.keyboard.press("Tab")
    await expect(edit).to_be_focused()
    await expect(edit).to_have_css("opacity", "1")
    await away(ada, ada.page.keyboard.press("Enter"))
    await expect(ada.field).to_have_value("[[stream deltas=1]] one")
    await expect(ada.bubbles).to_have_count(0)


async def test_what_waits_for_an_answer_cannot_be_edited_behind_one(ada, site):
    await ada.begin("[[hold after=1]]")
    await expect(ada.answer()).to_have_text("word0")
    await expect(button(ada, "Edit")).to_be_hidden()
    await ada.say("two")
    await ada.turn().get_by_role("button", name="Cancel").click()
    await ada.sees_end("incomplete")
    await ada.turn().hover()
    await button(ada, "Edit").click()
    notice = ada.page.locator("#notice")
    await expect(notice).to_contain_text("An answer is still being made. Please wait for it.")
    site.release()
    await ada.sees_end(index=0)
