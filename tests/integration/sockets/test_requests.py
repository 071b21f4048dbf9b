"""What a tab may ask for, and how it is refused."""

import json
from uuid import uuid4

import pytest

from conversations import turns
from conversations.models import Message, Turn
from conversations.sockets import base, floods
from conversations.threads import in_thread

pytestmark = pytest.mark.django_db(transaction=True)

BAD = [
    ("{", "invalid_json", None),
    ('{"type": NaN}', "invalid_json", None),
    ("[]", "invalid_frame", None),
    ('{"type": "nothing"}', "unknown_type", "type"),
    ('{"type": "ping", "x": 1}', "invalid_frame", "x"),
    ('{"type": "response.create", "input": "x"}', "missing_field", "idempotency_key"),
    ('{"type": "response.create", "idempotency_key": "\\u0000"}', "missing_field", "input"),
    ('{"type": "subscribe", "cursor": 1}', "invalid_value", "cursor"),
    (json.dumps({"type": "ping", "x": "y" * 70_000}), "too_large", None),
    ('{"type": "response.cancel", "response_id": "x"}', "not_found", None),
    (json.dumps({"type": "response.cancel", "response_id": f"resp_{0:032}"}), "not_found", None),
]


async def error_of(tab):
    error = await tab.until("error")
    assert error["message"]
    return error["code"], error["param"]


@pytest.mark.parametrize(("text", "code", "param"), BAD, ids=[text[:40] for text, _, _ in BAD])
async def test_a_bad_frame_is_answered_and_the_socket_stays_open(tab, text, code, param):
    await tab.send_text(text)
    assert await error_of(tab) == (code, param)
    await tab.pong()


CREATE = {"type": "response.create", "idempotency_key": "k1", "input": "x"}
UNREAD = [
    (CREATE | {"input": " "}, "k1"),
    (CREATE | {"input": None}, "k1"),
    (CREATE | {"extra": 1}, "k1"),
    (CREATE | {"idempotency_key": "\ud800"}, None),
    (CREATE | {"idempotency_key": 1}, None),
    (CREATE | {"idempotency_key": "k" * 300}, None),
    (CREATE | {"type": "ping"}, None),
    ([CREATE], None),
]


@pytest.mark.parametrize(("frame", "key"), UNREAD, ids=[str(frame)[:90] for frame, _ in UNREAD])
async def test_a_message_that_cannot_be_read_is_refused_by_its_key(tab, frame, key):
    await tab.send_text(json.dumps(frame))
    assert (await tab.until("error")).get("idempotency_key") == key


async def test_a_message_that_comes_too_fast_is_refused_by_its_key(tab, monkeypatch):
    monkeypatch.setattr(floods, "RATE", 0)
    for _ in range(floods.BURST - 1):  # one was the subscription
        await tab.send(type="ping")
    assert (await tab.create())["code"] == "rate_limited"


async def test_bytes_are_refused(tab):
    await tab.send_bytes(b'{"type": "ping"}')
    assert await error_of(tab) == ("invalid_frame", None)
    await tab.pong()


async def test_nothing_is_accepted_before_the_subscription(open_tab):
    tab = await open_tab()
    assert (await tab.create())["code"] == "invalid_frame"
    await tab.send(type="response.cancel", response_id="x")
    assert await error_of(tab) == ("invalid_frame", "type")
    assert not await in_thread(Turn.objects.exists)


async def test_an_accepted_message_is_stored_before_it_is_acknowledged(tab, conversation):
    accepted = await tab.create("hello")
    turn = await in_thread(Turn.objects.get)
    assert accepted["response_id"] == f"resp_{turn.pk.hex}"
    assert (accepted["position"], turn.conversation_id) == (0, conversation.pk)
    assert turn.input[0]["content"][0]["text"] == "hello"


async def test_a_person_who_waits_before_the_page_goes_first(tab):
    await tab.create("Hello")
    assert (await in_thread(Turn.objects.get)).pool == "interactive"


async def test_a_message_that_is_sent_again_is_acknowledged_again_and_stored_once(tab, open_tab):
    first = await tab.create("hello", idempotency_key="k1")
    other = await open_tab()
    await other.subscribe()
    assert await other.create("hello", idempotency_key="k1") == first
    await other.pong()
    assert other.events == []
    assert await in_thread(Turn.objects.count) == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [("completed", "response.completed"), ("rolled_back", "agentsite:rolled_back")],
)
async def test_who_sends_again_what_has_ended_is_told_how(tab, open_tab, claim, state, told):
    """Its acknowledgement was lost, and the turn is in no snapshot: too long ago, or rolled back."""
    first = await tab.create("hello", idempotency_key="k1")
    async with claim() as run:
        await run.finish("Good day", state=Turn.State(state))
    other = await open_tab()
    await other.subscribe()
    assert await other.create("hello", idempotency_key="k1") == first
    assert (await other.until(told))["response_id"] == first["response_id"]
    assert other.text == "Good day"


async def test_the_other_tabs_hear_of_a_message_whose_sender_is_gone(tab, open_tab, monkeypatch):
    sender = await open_tab()
    await sender.subscribe()
    monkeypatch.setattr(base, "SEND_TIMEOUT", 0.1)
    sender.gate.clear()
    await sender.send(type="response.create", idempotency_key="k1", input="hello")
    assert (await tab.until("agentsite:input"))["items"][0]["content"][0]["text"] == "hello"


async def test_a_key_that_was_used_for_something_else_is_refused(tab):
    await tab.create("hello", idempotency_key="k1")
    assert (await tab.create("other", idempotency_key="k1"))["code"] == "idempotency_conflict"


async def test_a_wrong_version_is_told_the_right_one(tab, claim):
    await tab.create()
    async with claim() as run:
        await run.finish("Good day")
    error = await tab.create(expected_version=1)
    assert (error["code"], error["current"]) == ("version_conflict", 2)
    assert (await tab.create(expected_version=2))["type"] == "agentsite:accepted"


async def test_a_second_message_is_refused_by_policy_while_one_is_answered(tab):
    await tab.create("one")
    assert (await tab.create("two", policy="reject"))["code"] == "response_in_progress"
    assert (await tab.create("three"))["position"] == 1


async def test_an_interrupt_ends_what_was_queued_in_every_tab(unpolled, tab, open_tab):
    other = await open_tab()
    await other.subscribe()
    first = await tab.create("one")
    second = await tab.create("two", policy="interrupt")
    for one in (tab, other):
        ended = await one.until("response.incomplete")
        assert ended["response_id"] == first["response_id"]
    assert second["response_id"] != first["response_id"]


async def test_a_running_response_is_flagged_and_then_ends_where_it_is(tab, claim):
    await tab.create()
    async with claim() as run:
        await run.say("Half")
        await tab.send(type="response.cancel", response_id=run.response_id)
        await tab.pong()
        look = (await in_thread(turns.watch, [run.claim.turn_id]))[run.claim.turn_id]
        assert look.cancel_requested == "cancel"
        await run.finish(state=Turn.State.CANCELLED, status="incomplete")
    ended = await tab.until("response.incomplete")
    assert ended["response"]["output"][0]["content"][0]["text"] == "Half"


async def test_a_cancel_after_the_end_is_harmless(tab, claim):
    await tab.create()
    async with claim() as run:
        await run.finish("Good day")
    await tab.send(type="response.cancel", response_id=run.response_id)
    await tab.pong()
    assert tab.types.count("response.completed") == 1
    assert "error" not in tab.types


async def test_a_response_of_another_conversation_cannot_be_cancelled(tab, conversation):
    mine = type(conversation)(owner_id=conversation.owner_id, agent="demo")
    await in_thread(mine.save)
    accepted = await in_thread(turns.accept, mine.pk, mine.owner_id, [{}])
    await tab.send(type="response.cancel", response_id=f"resp_{accepted.turn.pk.hex}")
    assert await error_of(tab) == ("not_found", None)


async def test_a_cancelled_message_stays_in_the_transcript(tab, open_tab):
    response_id = (await tab.create("never mind"))["response_id"]
    await tab.send(type="response.cancel", response_id=response_id)
    await tab.until("response.incomplete")
    snapshot = await (await open_tab()).subscribe()
    assert [item["content"][0]["text"] for item in snapshot["items"]] == ["never mind"]
    assert snapshot["responses"][0]["status"] == "cancelled"
    assert await in_thread(Message.objects.filter(retracted=True).count) == 1


async def test_ten_messages_at_once_are_ten_turns_in_order(tab):
    for number in range(10):
        await tab.send(type="response.create", idempotency_key=str(number), input=str(number))
    for position in range(10):
        accepted = await tab.until("agentsite:accepted")
        assert (accepted["idempotency_key"], accepted["position"]) == (str(position), position)


async def test_who_sends_too_much_is_slowed_down_and_then_closed(tab, monkeypatch):
    monkeypatch.setattr(floods, "RATE", 0)
    monkeypatch.setattr(floods, "PATIENCE", 3)
    for _ in range(floods.BURST + 4):
        await tab.send(type="ping")
    assert await tab.closed() == 4429
    assert tab.types.count("agentsite:pong") == floods.BURST - 1  # one was the subscription
    assert [frame.get("code") for frame in tab.frames[-3:]] == ["rate_limited"] * 3


async def test_a_failure_of_ours_closes_with_1011(tab, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(turns, "accept", fail)
    await tab.send(type="response.create", idempotency_key=uuid4().hex, input="hello")
    assert await tab.closed() == 1011
