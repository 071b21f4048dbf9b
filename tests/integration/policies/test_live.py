"""A message comes while another is answered: what every tab on every replica is shown of it."""

import pytest

from conversations.models import Turn
from conversations.threads import in_thread

HOLD = "[[hold after=3]]"  # three words, and then nothing until the provider is released
SEEN = "word0 word1 word2 "
LAST = ("response.completed", "response.incomplete")


async def told(tab, types, response_id):
    """The frame that a tab was told, or will be."""

    def wanted(frame):
        return frame["type"] in types and frame["response_id"] == response_id

    return next(filter(wanted, tab.frames), None) or await tab.until(wanted)


async def ended(tab, response_id):
    """The last event of a response, and the text of its items."""
    last = await told(tab, LAST, response_id)
    items = last["response"]["output"]
    return last["type"], "".join(item["content"][0]["text"] for item in items)


def prompts(provider):
    """What people said, of all that the model was shown last."""
    said = provider.calls[-1]["body"]["messages"]
    return [message["content"] for message in said if message["role"] == "user"]


async def test_enqueued_messages_of_two_replicas_are_answered_in_order(crew, here, there):
    first = await here.create("[[echo]] one")
    second = await there.create("[[echo]] two")
    for tab in (here, there):
        assert await ended(tab, first["response_id"]) == ("response.completed", "[[echo]] one ")
        assert await ended(tab, second["response_id"]) == ("response.completed", "[[echo]] two ")


async def test_a_rejected_message_may_come_again_when_the_other_is_answered(
    crew, provider, here, there
):
    first = await here.create(HOLD)
    await there.until_text(SEEN)
    refused = await there.create("[[echo]] two", policy="reject")
    assert (refused["code"], refused["message"]) == (
        *("response_in_progress", "Request in progress, please wait."),
    )
    provider.release()
    await ended(there, first["response_id"])
    accepted = await there.create("[[echo]] two", policy="reject")
    assert (await ended(here, accepted["response_id"]))[0] == "response.completed"


async def test_an_interrupt_stops_what_runs_and_keeps_what_was_seen(crew, provider, here, there):
    first = await here.create(HOLD)
    await here.until_text(SEEN)
    second = await there.create("[[echo]] two", policy="interrupt")
    for tab in (here, there):
        assert await ended(tab, first["response_id"]) == ("response.incomplete", SEEN)
        assert await ended(tab, second["response_id"]) == ("response.completed", "[[echo]] two ")
    assert prompts(provider) == [HOLD, "[[echo]] two"]


async def test_a_rollback_takes_what_was_open_out_of_the_conversation(
    crew, provider, here, there, open_tab
):
    first = await here.create(HOLD)
    await here.until_text(SEEN)
    second = await there.create("[[echo]] two", policy="rollback")
    for tab in (here, there):
        await told(tab, ["agentsite:rolled_back"], first["response_id"])
        assert (await ended(tab, second["response_id"]))[0] == "response.completed"
    assert prompts(provider) == ["[[echo]] two"]
    snapshot = await (await open_tab()).subscribe()
    assert {item["response_id"] for item in snapshot["items"]} == {second["response_id"]}


async def test_what_was_queued_never_asks_the_model_after_an_interrupt(crew, provider, here, there):
    await here.create(HOLD)
    queued = [await tab.create("[[echo]] not this") for tab in (here, there)]
    await there.until_text(SEEN)
    last = await there.create("[[echo]] but this", policy="interrupt")
    for tab in (here, there):
        for one in queued:
            assert await ended(tab, one["response_id"]) == ("response.incomplete", "")
        assert (await ended(tab, last["response_id"]))[0] == "response.completed"
    assert len(provider.calls) == 2


async def test_the_conversations_own_policy_applies_where_a_message_names_none(
    crew, here, there, choose
):
    assert (await in_thread(choose, "interrupt")).status_code == 204
    first = await here.create(HOLD)
    await there.until_text(SEEN)
    await there.create("[[echo]] two")
    assert await ended(here, first["response_id"]) == ("response.incomplete", SEEN)


async def test_a_messages_own_policy_wins(crew, provider, here, there, choose):
    await in_thread(choose, "interrupt")
    first = await here.create(HOLD)
    await there.until_text(SEEN)
    assert (await there.create("[[echo]] two", policy="enqueue"))["position"] == 1
    provider.release()
    assert (await ended(here, first["response_id"]))[0] == "response.completed"


@pytest.mark.parametrize("policies", [("interrupt", "rollback"), ("rollback", "interrupt")])
async def test_of_many_at_once_the_last_is_answered_and_each_has_one_outcome(
    crew, here, there, policies
):
    await here.create(HOLD)
    await there.until_text(SEEN)
    for tab, policy in zip((here, there), policies, strict=True):
        for number in range(3):
            accepted = await tab.create(f"[[echo]] {number}", policy=policy)
    await ended(here, accepted["response_id"])
    rows = await in_thread(lambda: list(Turn.objects.order_by("number")))
    assert {row.state for row in rows[:-1]} <= {"completed", "cancelled", "rolled_back"}
    assert rows[-1].state == Turn.State.COMPLETED
    assert {(row.number, row.state) for row in rows if row.finished is None} == set()
