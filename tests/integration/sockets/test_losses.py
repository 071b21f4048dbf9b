"""A tab shows all that happens though messages, logs and workers are lost."""

import pytest

from conversations import consumers
from conversations.models import Turn
from conversations.showing.following import Following
from conversations.sockets import standing
from tests.counting import counted
from tests.integration.sockets.driven import deafen, publish_again

CREATED = ["response.created", "response.queued"]

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_end_is_found_though_nobody_was_told(tab, claim, monkeypatch):
    """A worker can die between the commit and the final event."""
    monkeypatch.setattr(consumers, "POLL", 0.05)
    await tab.create()
    async with claim() as run:
        await run.say("Good", " day")
        await run.commit()
        await tab.until("response.completed")
    assert tab.text == "Good day"
    assert [event["sequence_number"] for event in tab.events] == list(range(len(tab.events)))


async def test_a_tab_that_hears_nothing_any_more_still_shows_all(tab, claim, monkeypatch):
    """Pub/sub loses messages without an error."""
    monkeypatch.setattr(consumers, "POLL", 0.05)
    await tab.create()
    async with claim() as run:
        await run.say("Good")
        await tab.until_text("Good")
        await deafen()
        await run.say(" day")
        await tab.until_text("Good day")
        await run.finish()
        await tab.until("response.completed")


async def test_a_tab_that_never_heard_of_a_turn_finds_it(tab, open_tab, monkeypatch):
    monkeypatch.setattr(standing, "CHECK", 0.05)
    other = await open_tab()
    await other.subscribe()
    await deafen()
    await tab.create("hello")
    assert (await other.until("agentsite:input"))["items"][0]["content"][0]["text"] == "hello"


@pytest.mark.usefixtures("unpolled")
@pytest.mark.parametrize("by_cursor", [False, True])
async def test_what_is_said_while_a_tab_reads_is_not_missed(
    tab, open_tab, claim, monkeypatch, by_cursor
):
    """It hears what is published before it reads what was."""
    response_id = (await tab.create())["response_id"]
    async with claim() as run:
        await run.say("Good")
        await tab.until_text("Good")
        late = await open_tab()
        name = "begin" if by_cursor else "adopt"
        read = getattr(Following, name)

        async def read_and_miss(following, *source):
            found = await read(following, *source)
            await run.say(" day")
            return found

        monkeypatch.setattr(Following, name, read_and_miss)
        cursor = {"response_id": response_id, "sequence_number": 1}
        await late.subscribe(cursor if by_cursor else None)
        await late.until(lambda frame: frame.get("delta") == " day")


async def test_the_tail_comes_from_the_rows_when_the_log_is_gone(
    tab, claim, redis_client, monkeypatch
):
    monkeypatch.setattr(consumers, "POLL", 0.05)
    await tab.create()
    async with claim() as run:
        await run.say("Good")
        await tab.until_text("Good")
        redis_client.flushdb()
        await deafen()
        await run.say(" day")
        await run.commit()
        redis_client.flushdb()
        await tab.until("response.completed")
    assert tab.text == "Good day"
    assert [event["sequence_number"] for event in tab.events] == list(range(len(tab.events)))


async def test_a_log_that_was_lost_and_restored_is_followed_on(tab, claim, redis_client):
    await tab.create()
    async with claim() as run:
        await run.say("Good")
        await tab.until_text("Good")
        redis_client.flushdb()
        await run.finish(" day")
    await tab.until("response.completed")
    assert tab.text == "Good day"


async def test_a_message_that_a_tab_has_missed_is_noticed_and_counted(tab, claim):
    await tab.create()
    async with claim() as run:
        await run.say("Good")
        await tab.until_text("Good")
        with counted("agentsite_socket_gaps_total"):
            await publish_again(run, "behind what was missed", ahead=1)
            await run.finish(" day")
            await tab.until("response.completed")
    assert tab.text == "Good day"


async def test_what_was_committed_is_shown_while_the_log_is_lost(
    tab, open_tab, claim, redis_client
):
    await tab.create()
    async with claim() as run:
        await run.say("First")
        await run.checkpoint()
        redis_client.flushdb()
        late = await open_tab()
        (active,) = (await late.subscribe())["active"]
        assert active["output"][0]["content"][0]["text"] == "First"
        await run.finish("Second")
    await late.until("response.completed")
    assert late.text == "Second"
    assert late.events[0]["sequence_number"] == active["sequence_number"] + 1


async def test_a_later_attempt_is_marked_and_its_zombie_is_not_heard(tab, claim):
    await tab.create()
    async with claim() as dead:
        await dead.say("Half")
        await tab.until_text("Half")
        await dead.hand_back()
        async with claim() as run:
            told = await tab.until("agentsite:attempt")
            await publish_again(dead, "zombie")
            await run.finish("Whole")
        await tab.until("response.completed")
    assert told["attempt"] == 2
    assert "zombie" not in "".join(tab.raw)
    numbers = [event["sequence_number"] for event in tab.events]
    assert numbers == list(range(len(numbers)))


async def test_what_a_dead_attempt_committed_precedes_the_gap_of_a_lost_log(
    tab, claim, redis_client, monkeypatch
):
    monkeypatch.setattr(consumers, "POLL", 0.05)
    await tab.create()
    async with claim() as dead:
        await dead.say("Half")
        await tab.until_text("Half")
        await dead.hand_back()
    redis_client.flushdb()
    async with claim() as run:
        await run.finish("Whole")
    await tab.until("response.completed")
    numbers = [event["sequence_number"] for event in tab.events]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] >= 2 << 20


async def test_a_turn_that_waited_in_the_queue_ends_in_every_tab(unpolled, tab, open_tab):
    other = await open_tab()
    await other.subscribe()
    response_id = (await tab.create())["response_id"]
    await tab.send(type="response.cancel", response_id=response_id)
    for one in (tab, other):
        ended = await one.until("response.incomplete")
        assert (ended["sequence_number"], ended["response"]["status"]) == (2, "cancelled")


async def test_a_rollback_is_told_as_such(tab, open_tab, claim):
    await tab.create("one")
    async with claim() as run:
        await run.say("Half")
        second = await tab.create("two", policy="rollback")
        await run.finish(status="incomplete", state=Turn.State.CANCELLED)
    told = await tab.until("agentsite:rolled_back")
    assert told["response_id"] == run.response_id
    snapshot = await (await open_tab()).subscribe()
    assert snapshot["items"] == []
    assert [one["response_id"] for one in snapshot["active"]] == [second["response_id"]]
