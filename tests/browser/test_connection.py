"""The page against sockets that fail in every way: nothing lost, nothing doubled, all in words."""

import pytest
from playwright.async_api import expect

from tests.browser.edge import Edge, events, say, streaming

HEARING = """window.opened = window.heard = 0;
window.WebSocket = class extends WebSocket {
    constructor(address) {
        super(address);
        window.opened += 1;
        this.addEventListener("message", () => { window.heard += 1; });
    }
};"""


def answer(page):
    return page.locator(".answer")


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013])
async def test_a_lost_socket_is_opened_again_from_the_last_event(edge: Edge, page, code):
    line = await edge.open(page)
    await line.send(*streaming("resp_a", "Hel"))
    await expect(answer(page)).to_have_text("Hel")
    await line.close(code)
    again = await edge.line()
    subscribe = await again.frame("subscribe")
    assert subscribe["cursor"] == {"response_id": "resp_a", "sequence_number": 4}
    await again.send(*streaming("resp_a", "Hel", "lo")[3:])
    await expect(answer(page)).to_have_text("Hello")


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (4401, "", "You are logged out. Log in"),
        (4403, "", "may not talk to the site"),
        (4404, "", "no longer exists"),
        (4429, "", "Too many messages"),
        (4429, "Too many connections; close some.", "Too many connections; close some."),
    ],
)
async def test_a_refusal_is_told_in_words_and_not_tried_again(
    edge: Edge, page, code, reason, words
):
    await page.add_init_script(HEARING)
    await page.clock.install()
    line = await edge.open(page)
    await line.close(code, reason)
    await expect(page.locator("#notice")).to_contain_text(words)
    await page.clock.run_for(120_000)
    assert await page.evaluate("window.opened") == 1


async def test_a_message_without_acknowledgement_is_sent_again_with_its_key(edge: Edge, page):
    line = await edge.open(page)
    await say(page, "Good day")
    first = await line.frame("response.create")
    await line.close(1012)
    again = await edge.line()
    await again.snapshot()
    second = await again.accept("resp_a")
    assert second == first
    await expect(page.locator(".bubble")).to_have_text(["Good day"])
    await expect(page.locator(".fate")).to_contain_text("Queued")


async def test_a_message_without_acknowledgement_survives_a_reload(edge: Edge, page):
    line = await edge.open(page)
    await say(page, "Good day")
    first = await line.frame("response.create")
    await page.reload()
    again = await edge.line()
    await again.snapshot()
    assert await again.accept("resp_a") == first
    await expect(page.locator(".bubble")).to_have_text(["Good day"])


async def test_what_is_written_while_offline_is_sent_later(edge: Edge, page):
    line = await edge.open(page)
    await line.close(4429)
    await say(page, "Later")
    await expect(page.locator(".fate")).to_contain_text("Sending")
    await page.get_by_role("button", name="Connect again").click()
    again = await edge.line()
    await again.snapshot()
    assert (await again.accept("resp_a"))["input"] == "Later"


async def test_a_missing_event_is_mended_by_a_snapshot(edge: Edge, page):
    line = await edge.open(page)
    frames = streaming("resp_a", "Hel", "lo", "!")
    await line.send(*frames[:5], frames[6])
    assert (await line.frame("subscribe"))["cursor"] is None
    item = {"id": "msg_0", "type": "message", "status": "in_progress"}
    output = [{**item, "content": [{"type": "output_text", "text": "Hello!"}]}]
    active = {"response_id": "resp_a", "status": "in_progress", "sequence_number": 6}
    await line.send({"type": "agentsite:snapshot", "active": [{**active, "output": output}]})
    await expect(answer(page)).to_have_text("Hello!")


async def test_a_silent_line_is_given_up(edge: Edge, page):
    await page.clock.install()
    line = await edge.open(page)
    await page.clock.run_for(26_000)
    await line.frame("ping")
    await page.clock.run_for(12_000)
    await edge.line()


async def test_a_line_that_answers_pings_is_kept(edge: Edge, page):
    await page.add_init_script(HEARING)
    await page.clock.install()
    line = await edge.open(page)
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 20"))  # we may be slow
    for pongs in range(1, 4):
        await line.send({"type": "agentsite:pong"})
        await page.wait_for_function("count => window.heard > count", arg=pongs)
        await page.clock.run_for(26_000)
        await line.frame("ping")
    assert await page.evaluate("window.opened") == 1


async def test_a_refused_message_can_be_sent_again_or_discarded(edge: Edge, page):
    line = await edge.open(page)
    await say(page, "Too fast")
    key = (await line.frame("response.create"))["idempotency_key"]
    await line.send({"type": "error", "code": "rate_limited", "idempotency_key": key})
    await expect(page.locator(".fate")).to_contain_text("You are sending too fast")
    await page.get_by_role("button", name="Try again").click()
    await line.accept("resp_a")
    await expect(page.locator(".bubble")).to_have_count(1)


async def test_a_failed_answer_is_told_in_words_and_can_be_asked_again(edge: Edge, page):
    line = await edge.open(page)
    await say(page, "Well?")
    await line.accept("resp_a")
    error = {"response": {"error": {"code": "provider_timeout", "message": "504"}}}
    await line.send(*events("resp_a", ("created", {}), ("queued", {}), ("failed", error)))
    await expect(page.locator(".under")).to_contain_text("The model took too long to answer.")
    await page.get_by_role("button", name="Try again").click()
    assert (await line.frame("response.create"))["input"] == "Well?"


async def test_escape_stops_the_answer_and_a_queued_message_has_its_own_button(edge: Edge, page):
    line = await edge.open(page)
    await line.send(*streaming("resp_a", "Hel"), *events("resp_b", ("created", {}), ("queued", {})))
    await expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    await page.keyboard.press("Escape")
    assert (await line.frame("response.cancel"))["response_id"] == "resp_a"
    await line.send(
        {"type": "agentsite:input", "response_id": "resp_b", "items": [{"content": "Next"}]}
    )
    await page.get_by_role("button", name="Cancel").click()
    assert (await line.frame("response.cancel"))["response_id"] == "resp_b"


async def test_a_draft_survives_a_reload_and_goes_when_it_is_sent(edge: Edge, page):
    line = await edge.open(page)
    await page.get_by_label("Your message").fill("Half a thou")
    await page.reload()
    line = await edge.line()
    await line.snapshot()
    await expect(page.get_by_label("Your message")).to_have_value("Half a thou")
    await page.keyboard.press("Enter")
    await line.accept("resp_a")
    await page.reload()
    await expect(page.get_by_label("Your message")).to_have_value("")


async def test_a_message_that_is_too_long_stays_in_the_field(edge: Edge, page):
    await edge.open(page)
    await say(page, "ä" * 31_000)
    await expect(page.locator("#notice")).to_contain_text("too long")
    await expect(page.get_by_label("Your message")).to_have_value("ä" * 31_000)


async def test_shift_and_enter_begin_a_line(edge: Edge, page):
    line = await edge.open(page)
    await page.get_by_label("Your message").press_sequentially("One")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("Two")
    await page.keyboard.press("Enter")
    assert (await line.accept("resp_a"))["input"] == "One\nTwo"


async def test_a_burst_of_deltas_is_drawn_once_a_frame(edge: Edge, page):
    await page.add_init_script("""
        const ask = window.requestAnimationFrame.bind(window);
        window.drawn = window.frames = 0;
        window.requestAnimationFrame = (draw) => { window.drawn += 1; return ask(draw); };
        const count = () => { window.frames += 1; ask(count); };
        ask(count);
    """)
    line = await edge.open(page)
    deltas = [f"w{number} " for number in range(2000)]
    await line.send(*streaming("resp_a", *deltas))
    await expect(answer(page)).to_contain_text("w1999")
    assert await page.evaluate("() => window.drawn - window.frames") <= 1


async def test_turns_that_were_rolled_back_go(edge: Edge, page):
    line = await edge.open(page)
    await line.send(*streaming("resp_a", "Hel"))
    await expect(answer(page)).to_have_text("Hel")
    await line.send({"type": "agentsite:rolled_back", "response_id": "resp_a"})
    await expect(answer(page)).to_have_count(0)


async def test_leading_blanks_of_a_message_are_kept(edge: Edge, page):
    line = await edge.open(page)
    await page.get_by_label("Your message").fill("\n  def f():\n    pass\n\n")
    await page.keyboard.press("Enter")
    assert (await line.accept("resp_a"))["input"] == "  def f():\n    pass"


async def test_the_back_button_shows_nothing_to_who_has_logged_out(edge: Edge, page):
    line = await edge.open(page)
    await line.send(*streaming("resp_a", "Hel"))
    await expect(answer(page)).to_have_text("Hel")
    for name in ("pagehide", "pageshow"):
        event = f"new PageTransitionEvent('{name}', {{ persisted: true }})"
        await page.evaluate(f"() => {{ dispatchEvent({event}); }}")
    await (await edge.line()).close(4401)
    await (await edge.line()).snapshot()  # here the site would send to the log-in
    await expect(answer(page)).to_have_count(0)
