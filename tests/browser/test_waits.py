"""What people see while they wait: for a tool that takes long, for a provider that permits little."""

from playwright.async_api import expect

FAR = "40 % · reading page 4 of 10"


async def test_a_tool_shows_how_far_it_is_in_a_tab_that_comes_later_too(ada, site):
    site.gate.unlink(missing_ok=True)
    await ada.page.get_by_text("Reader").click()
    await ada.begin("[[tool name=read arguments={}]]")
    state = ".tool .state"
    await expect(ada.turn().locator(state)).to_have_text(FAR)
    other = await ada.another_tab(f"http://127.0.0.1:{site.ports[1]}")
    await expect(other.turn().locator(state)).to_have_text(FAR)
    site.gate.touch()
    for person in (ada, other):
        await person.sees_end()
        await expect(person.turn().locator(state)).to_have_text("")
        await expect(person.answer()).to_contain_text("word0 word1")


async def test_a_turn_that_waits_for_the_provider_says_why(ada):
    await ada.page.get_by_text("Scarce").click()
    await ada.begin("hello")
    await ada.say("and again")
    words = "Waiting for a place at the model's provider, about"
    await expect(ada.turn(1).locator(".under")).to_contain_text(words)
    await ada.sees_end(index=1)
    await expect(ada.turn(1).locator(".under")).not_to_contain_text(words)
