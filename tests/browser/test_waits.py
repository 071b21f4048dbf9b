"""What people see while they wait: for a tool that takes long, for a provider that permits little."""

from playwright.async_api import expect

from tests.browser.edge import COUNTING, Edge, events

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


async def test_after_a_result_the_list_is_read_once(edge: Edge, page):
    await page.add_init_script(COUNTING)
    await page.route("**/conversations/", lambda route: route.fulfill(body=""))
    line = await edge.open(page)
    call = {"id": "fc_a_0", "type": "function_call", "call_id": "c", "name": "read"}
    result = {"id": "fco_a_1", "type": "function_call_output", "call_id": "c", "output": ""}
    items = [(0, "added", call), (0, "done", call), (1, "added", result), (1, "done", result)]
    told = [(f"output_item.{how}", {"output_index": n, "item": item}) for n, how, item in items]
    begun = [("created", {}), ("queued", {}), ("in_progress", {})]
    await line.send(*events("resp_a", *begun, *told, ("completed", {})))
    await expect(page.locator(".turn")).to_have_attribute("data-status", "completed")
    assert await page.evaluate("window.asked") == 1


async def test_a_turn_that_waits_for_the_provider_says_why(ada):
    await ada.page.get_by_text("Scarce").click()
    await ada.begin("hello")
    await ada.say("and again")
    words = "Waiting for a place at the model's provider, about"
    await expect(ada.turn(1).locator(".under")).to_contain_text(words)
    await ada.sees_end(index=1)
    await expect(ada.turn(1).locator(".under")).not_to_contain_text(words)
