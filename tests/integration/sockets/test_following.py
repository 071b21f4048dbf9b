"""A tab shows all that happens in its conversation, once and in order."""

import pytest

from conversations import protocol, streams, turns
from conversations.models import Turn
from conversations.showing.following import Following
from conversations.sockets.frames import Cursor
from conversations.threads import in_thread

CREATED = ["response.created", "response.queued"]

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_new_conversation_is_an_empty_snapshot(open_tab, conversation):
    snapshot = await (await open_tab()).subscribe()
    assert snapshot["conversation"]["id"] == f"conv_{conversation.pk.hex}"
    assert (snapshot["version"], snapshot["items"], snapshot["active"]) == (0, [], [])
    assert snapshot["replica"]


async def test_an_answer_streams_to_its_last_event(tab, claim):
    accepted = await tab.create("hello")
    async with claim() as run:
        await run.finish("Good", " day", ".")
    await tab.until("response.completed")
    assert tab.text == "Good day."
    assert [event["sequence_number"] for event in tab.events] == list(range(len(tab.events)))
    assert {event["response_id"] for event in tab.events} == {accepted["response_id"]}


async def test_two_tabs_get_the_same_events_byte_for_byte(tab, open_tab, claim):
    other = await open_tab()
    await other.subscribe()
    await tab.create("hello")
    async with claim() as run:
        await run.finish("Grüße", " 🌧", " bye")
    for one in (tab, other):
        await one.until("response.completed")
    assert tab.raw_events == other.raw_events
    assert len(tab.raw_events) == 12


async def test_the_other_tab_learns_what_was_asked_before_the_response(tab, open_tab):
    other = await open_tab()
    await other.subscribe()
    accepted = await tab.create("what is it?")
    asked = await other.until("agentsite:input")
    assert asked["response_id"] == accepted["response_id"]
    assert asked["items"][0]["content"] == [{"type": "input_text", "text": "what is it?"}]
    assert [(await other.next())["type"] for _ in range(2)] == CREATED


async def test_a_tab_learns_which_worker_runs_the_turn(tab, claim):
    await tab.create()
    async with claim():
        told = await tab.until("agentsite:worker")
    assert (told["worker"], told["attempt"]) == ("worker-1", 1)
    assert "agentsite:attempt" not in tab.types


async def test_a_tab_that_comes_late_gets_the_text_so_far_and_then_the_rest(tab, open_tab, claim):
    await tab.create("hello")
    async with claim() as run:
        await run.say("Half", " of")
        late = await open_tab()
        (active,) = (await late.subscribe())["active"]
        assert active["output"][0]["content"][0]["text"] == "Half of"
        assert active["input"][0]["content"][0]["text"] == "hello"
        await run.finish(" it")
    await late.until("response.completed")
    assert late.events[0]["sequence_number"] == active["sequence_number"] + 1
    assert late.events[0]["agentsite_offset"] == len("Half of")


async def test_a_snapshot_holds_the_items_of_what_has_ended(tab, open_tab, claim):
    response_id = (await tab.create("hello"))["response_id"]
    async with claim() as run:
        await run.finish("Good day")
    snapshot = await (await open_tab()).subscribe()
    assert [item["role"] for item in snapshot["items"]] == ["user", "assistant"]
    assert {item["response_id"] for item in snapshot["items"]} == {response_id}
    (response,) = snapshot["responses"]
    assert (response["status"], response["worker"]) == ("completed", "worker-1")
    assert snapshot["version"] == 2


async def test_a_snapshot_gives_the_cursor_of_what_has_ended(tab, open_tab, claim):
    await tab.create()
    async with claim() as run:
        await run.finish("Good day")
    again = await open_tab()
    (response,) = (await again.subscribe())["responses"]
    cursor = {key: response[key] for key in ("response_id", "sequence_number")}
    assert (await again.subscribe(cursor))["type"] == "agentsite:subscribed"
    assert again.events == []


async def test_a_tab_that_has_seen_the_end_waits_for_nothing(tab, claim, conversation):
    """Else each idle tab would look every two seconds, once its replica has been restarted."""
    await tab.create()
    async with claim() as run:
        await run.finish("Good day")
    end = await tab.until("response.completed")
    events = []

    async def send(frame):
        events.extend([frame] if "sequence_number" in frame else [])

    following = Following(conversation, send)
    assert await following.begin(Cursor(end["response_id"], end["sequence_number"]))
    assert not following.is_waiting
    assert events == []


async def test_a_snapshot_tells_why_a_response_failed(tab, open_tab, claim):
    await tab.create()
    error = {"code": "provider_timeout", "message": "The provider took too long."}
    async with claim() as run:
        await run.finish("Par", state=Turn.State.FAILED, status="incomplete", error=error)
    snapshot = await (await open_tab()).subscribe()
    assert snapshot["responses"][0]["error"] == error
    assert snapshot["items"][1]["status"] == "incomplete"


async def test_a_cursor_gets_exactly_what_it_has_not_seen(tab, open_tab, claim):
    await tab.create()
    async with claim() as run:
        await run.say("One", " two")
        await tab.until_text("One two")
        cursor = {key: tab.events[4][key] for key in ("response_id", "sequence_number")}
        again = await open_tab()
        assert (await again.subscribe(cursor))["type"] == "agentsite:subscribed"
        await run.finish(" three")
    for one in (tab, again):
        await one.until("response.completed")
    assert again.raw_events == tab.raw_events[5:]


@pytest.mark.parametrize("seen", range(11))
async def test_a_replay_from_rows_equals_the_live_events(tab, open_tab, claim, seen):
    await tab.create()
    async with claim() as run:
        await run.finish("One", " two")
    await tab.until("response.completed")
    await streams.expire(run.facts, seconds=0)
    again = await open_tab()
    await again.subscribe({"response_id": run.response_id, "sequence_number": seen})
    assert again.raw_events == tab.raw_events[seen + 1 :]


async def test_a_replay_goes_through_later_turns_in_their_order(tab, open_tab, claim):
    for text in ("one", "two", "three"):
        await tab.create(text)
    for text in ("eins", "zwei"):
        async with claim() as run:
            await run.finish(text)
        await tab.until("response.completed")
    again = await open_tab()
    await again.subscribe({"response_id": tab.events[0]["response_id"], "sequence_number": 4})
    assert [e["type"] for e in again.events].count("response.completed") == 2
    ids = list(dict.fromkeys(event["response_id"] for event in again.events))
    assert ids == list(dict.fromkeys(event["response_id"] for event in tab.events))


async def test_a_cursor_that_cannot_be_served_gets_a_snapshot(tab, open_tab, claim):
    response_id = (await tab.create())["response_id"]
    async with claim() as run:
        await run.finish("Good day")
    last = len((await tab.until("response.completed")) and tab.events) - 1
    unknown = f"resp_{'0' * 32}"
    for name, number in ((unknown, 0), ("x", 0), (response_id, last + 1), (response_id, 2**52)):
        tab = await open_tab()
        told = await tab.subscribe({"response_id": name, "sequence_number": number})
        assert (told["type"], tab.events) == ("agentsite:snapshot", [])
    told = await tab.subscribe({"response_id": response_id, "sequence_number": last})
    assert told["type"] == "agentsite:subscribed"


async def test_a_cursor_in_another_conversation_gets_a_snapshot(tab, open_tab, conversation):
    response_id = (await tab.create())["response_id"]
    other = await in_thread(
        type(conversation).objects.create, owner_id=conversation.owner_id, agent="demo"
    )
    elsewhere = await open_tab(path=f"/ws/conversations/{other.pk}/")
    told = await elsewhere.subscribe({"response_id": response_id, "sequence_number": 0})
    assert (told["type"], told["active"]) == ("agentsite:snapshot", [])


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_who_shows_what_is_gone_gets_a_snapshot(tab, open_tab, place):
    ids = [(await tab.create())["response_id"] for _ in range(3)]
    for response_id in ids:
        await tab.send(type="response.cancel", response_id=response_id)
    await tab.pong()
    cursor = {key: tab.events[-1][key] for key in ("response_id", "sequence_number")}
    shown = {"first": ids[0], "last": ids[-1], "count": 3}
    told = await (await open_tab()).subscribe(cursor, shown=shown)
    assert told["type"] == "agentsite:subscribed"
    await in_thread(turns.delete, protocol.turn_id(ids.pop(place)))
    told = await (await open_tab()).subscribe(cursor, shown=shown)
    assert [response["response_id"] for response in told["responses"]] == ids


async def test_a_snapshot_has_the_newest_turns_and_says_that_there_are_more(
    tab, open_tab, conversation, monkeypatch
):
    monkeypatch.setattr("conversations.showing.snapshots.SHOWN_TURNS", 1)
    for text in ("one", "two"):
        response_id = (await tab.create(text))["response_id"]
        await tab.send(type="response.cancel", response_id=response_id)
    await tab.pong()
    snapshot = await (await open_tab()).subscribe()
    assert (snapshot["has_more"], len(snapshot["responses"])) == (True, 1)
    assert snapshot["items"][0]["content"][0]["text"] == "two"


async def test_a_snapshot_leaves_out_no_turn_that_is_open(tab, open_tab, monkeypatch):
    monkeypatch.setattr("conversations.showing.snapshots.SHOWN_TURNS", 1)
    for text in ("one", "two", "three"):
        await tab.create(text)
    snapshot = await (await open_tab()).subscribe()
    assert (snapshot["has_more"], len(snapshot["active"])) == (False, 3)
