"""A tab shows all that happens in its conversation, once and in order."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_new_conversation_is_an_empty_snapshot(open_tab, conversation):
    tab = await open_tab()
    snapshot = await tab.subscribe()
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
    numbered = [
        [
            raw
            for raw in one.raw
            if '"sequence_number":' in raw
            and '"response_id":' in raw
            and not raw.startswith('{"type":"agentsite')
        ]
        for one in (tab, other)
    ]
    assert numbered[0] == numbered[1]
    assert len(numbered[0]) == 12
