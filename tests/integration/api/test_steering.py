"""More input for a response that is being made, over the websocket."""

import pytest

from conversations import protocol, steering
from conversations.api import responses
from conversations.models import Conversation, Message, Turn
from conversations.placing import Order
from conversations.showing import listening
from conversations.threads import in_thread
from tests.integration.api.programs import address, connection, sdk
from tests.waiting import eventually

__all__ = ["address", "connection", "sdk"]
pytestmark = pytest.mark.usefixtures("crew")


@pytest.mark.parametrize("bound", [False, True])
async def test_steering_stops_a_response_and_goes_on_from_it(connection, conversation, bound):
    where = {"conversation": f"conv_{conversation.pk.hex}"} if bound else {}
    await connection.create("[[stall after=2]]", stream_id="a", **where)
    parent = (await connection.until("response.output_text.delta"))["response_id"]
    await connection.send(type="response.steer", previous_response_id=parent, input="[[chain]]")
    accepted = await connection.until("response.steer.accepted")
    assert accepted["steer"]["previous_response_id"] == parent
    assert accepted["stream_id"] == "a"
    stopped = (await connection.until("response.incomplete"))["response"]
    assert stopped["id"] == parent
    assert (stopped["status"], stopped["incomplete_details"]) == (
        "incomplete",
        {"reason": "steered"},
    )
    ended = (await connection.until("response.completed"))["response"]
    assert ended["previous_response_id"] == parent
    assert ended["conversation"] == stopped["conversation"]
    kept = Message.objects.filter(kind="request", retracted=False)
    assert await in_thread(kept.count) == 2  # what was asked, and what was steered to


async def test_steering_what_others_queued_leaves_it_its_place(connection, program, conversation):
    where = {"conversation": f"conv_{conversation.pk.hex}"}
    await connection.create("[[stall after=1]]", **where)
    parent = (await connection.until("response.output_text.delta"))["response_id"]
    body = {"input": "[[stream]]", "background": True, **where}
    queued = (await program.post("/v1/responses", json=body)).json()["id"]
    await connection.send(type="response.steer", previous_response_id=parent, input="[[stream]]")
    await connection.until("response.completed")
    states = Turn.objects.order_by("number").values_list("state", flat=True)
    assert await in_thread(list, states) == ["cancelled", "completed", "completed"]
    assert (await in_thread(Turn.objects.get, number=1)).pk.hex in queued


async def test_what_nobody_has_begun_is_answered_before_what_steers_it(
    connection, conversation, provider
):
    """And two inputs come one after the other."""
    where = {"conversation": f"conv_{conversation.pk.hex}"}
    await connection.create("[[hold after=1]]", stream_id="a", **where)
    await connection.until("response.output_text.delta")
    await connection.create("[[echo]] zero", stream_id="b", **where)
    parent = (await connection.until("response.queued"))["response_id"]
    for text in ("[[echo]] one", "[[echo]] two"):
        await connection.send(type="response.steer", previous_response_id=parent, input=text)
        await connection.until("response.steer.accepted")
    provider.release()
    ended = [await connection.until("response.completed") for _ in range(4)]
    outputs = [event["response"]["output"] for event in ended if event["stream_id"] == "b"]
    texts = [output[0]["content"][0]["text"].strip() for output in outputs]
    assert texts == ["[[echo]] zero", "[[echo]] one", "[[echo]] two"]


async def test_what_steers_a_response_that_is_not_stored_is_answered_then_deleted(connection):
    await connection.create("[[stall after=2]]", store=False)
    parent = (await connection.until("response.output_text.delta"))["response_id"]
    await connection.send(type="response.steer", previous_response_id=parent, input="[[echo]] on")
    await connection.until("response.steer.accepted")
    await connection.until("response.incomplete")
    ended = await connection.until("response.completed", "error")
    assert ended["response"]["output"][0]["content"][0]["text"].strip() == "[[echo]] on"
    await in_thread(eventually, lambda: not Conversation.objects.exists())


async def test_what_is_not_stored_stays_until_the_end_of_its_last_turn_was_told(owner):
    """Though that turn is over before the program has heard of the end of the one it steers."""
    said = protocol.user_message("[[stall after=2]]")
    parent = await responses.ask(Order(user=owner, items=[said], stored=False))
    await in_thread(eventually, Turn.objects.filter(state="running").exists)
    more = protocol.user_message("[[echo]] on")
    steered = await in_thread(steering.steer, owner, parent.pk, [more])
    await in_thread(eventually, Turn.objects.filter(pk=steered.pk, state="completed").exists)
    assert (await listening.finished(parent))["status"] == "incomplete"
    assert (await listening.finished(steered))["status"] == "completed"
    assert not await in_thread(Conversation.objects.exists)


async def steer_failed(connection, **fields):
    await connection.send(type="response.steer", **fields)
    failed = await connection.until("response.steer.failed")
    assert failed["steer"] == fields
    return failed["error"]["code"]


async def test_input_that_steers_nothing_is_given_back(connection):
    ended = (await connection.answer())["id"]
    fail = steer_failed
    assert await fail(connection, previous_response_id=ended, input="x") == (
        "response_already_completed"
    )
    for unknown in ("resp_", "x", f"resp_{0:032}", "\\"):
        code = await fail(connection, previous_response_id=unknown, input="x")
        assert code == "response_not_found"
    for bad in ("", []):
        assert await fail(connection, previous_response_id=ended, input=bad) == "invalid_input"


async def test_what_takes_no_more_input_says_why(connection, program, settings):
    await connection.create("[[tools transfer]]")
    asks = (await connection.until("response.created"))["response_id"]
    await in_thread(eventually, Turn.objects.filter(state="waiting").exists)
    fail = steer_failed
    assert await fail(connection, previous_response_id=asks, input="x") == "steering_not_supported"
    await connection.create("[[hold after=1]]", stream_id="b")
    held = (await connection.until("response.output_text.delta"))["response_id"]
    settings.OPEN_TURNS = 1
    assert await fail(connection, previous_response_id=held, input="x") == "too_many_pending_steers"
    await program.post(f"/v1/responses/{held}/cancel")
    await in_thread(eventually, Turn.objects.filter(state="cancelled").exists)
    assert await fail(connection, previous_response_id=held, input="x") == "response_not_active"
