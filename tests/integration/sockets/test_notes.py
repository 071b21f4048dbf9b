"""What a turn is at, beside its log."""

import pytest

from conversations import streams
from conversations.models import Turn
from conversations.threads import in_thread

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = {"type": "agentsite:waiting", "reason": "provider_busy", "seconds": 7}


async def note(run, *, is_over=False, **changes):
    frame = {**WAITING, "response_id": run.response_id, **changes}
    claim = run.claim
    await streams.note(claim.conversation_id, claim.turn_id, "waiting", frame, is_over=is_over)
    return frame


async def test_a_tab_hears_what_a_turn_is_at(tab, claim):
    await tab.create()
    async with claim() as run:
        await tab.until("agentsite:worker")
        assert await note(run) == await tab.until("agentsite:waiting")


async def test_a_tab_that_comes_later_sees_the_last_word(tab, open_tab, claim):
    await tab.create()
    async with claim() as run:
        await tab.until("response.in_progress")
        await note(run)
        last = await note(run, seconds=3)
        late = await open_tab()
        await late.subscribe()
        assert await late.until("agentsite:waiting") == last


async def test_what_is_over_is_told_and_then_forgotten(tab, open_tab, claim):
    await tab.create()
    async with claim() as run:
        await tab.until("response.in_progress")
        await note(run)
        await note(run, is_over=True, reason=None, seconds=0)
        await tab.until(lambda frame: frame.get("seconds") == 0)
        late = await open_tab()
        await late.subscribe()
        await run.finish("Good day")
        await late.until("response.completed")
    assert "agentsite:waiting" not in late.types


async def test_a_turn_that_is_over_is_at_nothing(tab, claim):
    await tab.create()
    async with claim() as run:
        await run.finish("Good day")
        await tab.until("response.completed")
        await note(run)
    await tab.create()
    await tab.until("response.queued")
    assert "agentsite:waiting" not in tab.types


async def test_what_is_to_be_known_beside_an_answer_reaches_who_was_away_at_its_end(
    tab, open_tab, claim
):
    await tab.create()
    async with claim() as run:
        await run.say("Good")
        seen = await tab.until("response.output_text.delta")
        await run.finish(" day")
    await in_thread(Turn.objects.update, notices=["The tools of calendar are out of reach."])
    back = await open_tab()
    cursor = {key: seen[key] for key in ("response_id", "sequence_number")}
    await back.subscribe(cursor)
    [notice] = [frame for frame in back.frames if frame["type"] == "agentsite:notice"]
    assert notice["notices"] == ["The tools of calendar are out of reach."]
    assert back.types.index("agentsite:notice") < back.types.index("response.completed")
