"""A long conversation opens by its end; older messages come when somebody scrolls up to them."""

import asyncio

import psycopg
import pytest_asyncio
from playwright.async_api import expect

TURNS = 300
SHOWN = 30
# Turns that were cancelled before anybody began them: all there is of each is its input.
LENGTHEN = """
WITH there AS (
    UPDATE conversations_conversation SET next_turn = next_turn + %(turns)s
    WHERE id = %(conversation)s RETURNING id, owner_id, next_turn - %(turns)s AS first
)
INSERT INTO conversations_turn (
    id, conversation_id, owner_id, number, state, policy, pool, input, request_hash, attempt,
    worker_name, crashes, cancel_requested, created, last_event, finished
)
SELECT gen_random_uuid(), id, owner_id, first + n, 'cancelled', 'enqueue', 'default',
    jsonb_build_array(jsonb_build_object('type', 'message', 'role', 'user',
        'content', jsonb_build_array(
            jsonb_build_object('type', 'input_text', 'text', 'number ' || n)))),
    '', 0, '', 0, 'none', now(), 2, now()
FROM there, generate_series(0, %(turns)s - 1) AS n
"""
PLACE = "document.querySelector('[data-mark]').getBoundingClientRect().top"
SCROLL_UP = f"""(() => {{
    document.getElementById('scroll').scrollTop = 500;
    const seen = [...document.querySelectorAll('.turn')];
    seen.find((turn) => turn.getBoundingClientRect().bottom > 200).dataset.mark = 'here';
    return {PLACE};
}})()"""


def lengthen(site, conversation):
    with psycopg.connect(site.database_url) as connection:
        connection.execute(LENGTHEN, {"conversation": conversation, "turns": TURNS})


@pytest_asyncio.fixture(loop_scope="session")
async def reader(ada, site):
    """Somebody who opens a conversation of 301 turns."""
    await ada.begin("[[stream deltas=1]]")
    await ada.sees_end()
    await asyncio.to_thread(lengthen, site, ada.page.url.rstrip("/").rpartition("/")[2])
    await ada.page.reload()
    await expect(ada.bubbles.last).to_have_text(f"number {TURNS - 1}")
    return ada


async def test_it_opens_with_one_screen_and_reaches_back_to_the_first(reader):
    await expect(reader.bubbles).to_have_count(SHOWN)
    await reader.page.locator("#scroll").focus()
    count = SHOWN
    while await reader.page.locator("#earlier").is_visible():
        await reader.page.keyboard.press("Home")
        await expect(reader.bubbles).not_to_have_count(count)
        count = await reader.bubbles.count()
    await expect(reader.bubbles.first).to_have_text("[[stream deltas=1]]")
    await expect(reader.bubbles).to_have_count(TURNS + 1)
    await reader.page.get_by_role("button", name="latest").click()
    await expect(reader.bubbles).to_have_count(SHOWN)  # the page stays small


async def test_what_comes_in_above_moves_nothing_on_the_screen(reader):
    await reader.page.set_viewport_size({"width": 360, "height": 640})
    before = await reader.page.evaluate(SCROLL_UP)
    await expect(reader.bubbles).to_have_count(2 * SHOWN)
    after = await reader.page.evaluate(PLACE)
    assert abs(after - before) < 30
