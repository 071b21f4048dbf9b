"""A turn that waits: what it asks and the answers are rows, so any process may die meanwhile."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from pydantic_ai.messages import ModelMessagesTypeAdapter

from conversations import chores, recovery, turns
from conversations.errors import AlreadyAnswered, NotFound
from conversations.models import Conversation, Message, ToolCall, Turn
from conversations.showing import snapshots
from conversations.stores.base import Key, NewMessage
from devtools.ports import free_port
from workers import queues

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = '{"kind": "response", "parts": [{"part_kind": "text", "content": "Hi"}]}'
TRACE = [[3, 2, 0, 0], [5, 3, 0, 1, 1], [7, 4, 0, 0]]
TOKEN = UUID(int=7)
MINUTE = 60


@pytest.fixture
def waiting(say, claim):
    """A turn that looked something up, and asks whether it may pay and may write."""
    say()
    held = claim()
    done = turns.start_tool(held.turn_id, held.token, 1, "look", tool="look", arguments={})
    result = {"returned": {"return_value": "seen", "kind": "tool-return"}}
    turns.finish_tool(held.turn_id, held.token, 1, done.tool_call_id, result)
    asked = [
        turns.Asked(step=1, call_id=tool, tool=tool, arguments={"for": "you"}, item=item)
        for item, tool in enumerate(["pay", "write"], 1)
    ]
    said = NewMessage(Key(held.turn_id, 1, 1), "response", CALLS, TRACE)
    queues.queue("default").empty()
    turns.wait(
        held.turn_id, held.token, asked, seconds=MINUTE, messages=[said], usage={"requests": 1}
    )
    return held


def state():
    return Turn.objects.order_by("number").first().state


def hints():
    return len(queues.queue("default").get_jobs())


def test_it_waits_in_the_commit_of_the_response_that_asks(waiting):
    assert state() == "waiting"
    assert Message.objects.filter(step=1).get().text == "Hi"
    asked = ToolCall.objects.filter(state="asked").order_by("item")
    assert [(call.tool, call.arguments, call.asks) for call in asked] == [
        ("pay", {"for": "you"}, "approval"),
        ("write", {"for": "you"}, "approval"),
    ]


def test_a_persons_time_is_not_that_to_the_first_words(waiting, claim, finish):
    asked = Turn.objects.get().first_token
    turns.resume(waiting.turn_id, [turns.Answer(item=1), turns.Answer(item=2)])
    finish(claim(), first_token=timezone.now())
    assert Turn.objects.get().first_token == asked is not None


def test_the_first_words_come_before_the_question(say, claim):
    say()
    held = claim()
    spoke = held.created + timedelta(milliseconds=5)
    asked = [turns.Asked(step=1, call_id="pay", tool="pay", arguments={}, item=1)]
    turns.wait(held.turn_id, held.token, asked, seconds=MINUTE, first_token=spoke)
    assert Turn.objects.get().first_token == spoke


def test_the_last_answer_wakes_a_worker(waiting, claim):
    assert turns.resume(waiting.turn_id, [turns.Answer(item=1)]) == turns.Resumed("waiting", 1)
    assert (hints(), claim()) == (0, None)
    before = Turn.objects.get().hinted_at
    refusal = turns.Answer(item=2, approved=False, output="not today")
    assert turns.resume(waiting.turn_id, [refusal]) == turns.Resumed("queued", 0)
    turn = Turn.objects.get()
    assert (hints(), turn.hinted_at > before, turn.expires) == (1, True, None)
    assert (claim().attempt, Turn.objects.get().crashes) == (2, 0)
    assert ToolCall.objects.get(tool="write").result == {"denied": "not today"}


def test_a_resumed_claim_that_was_never_heard_of_is_known_again(waiting, claim):
    turns.resume(waiting.turn_id, [turns.Answer(item=1), turns.Answer(item=2)])
    claims = [claim(token=TOKEN) for _ in range(2)]
    assert [(each.attempt, each.next_step, each.has_waited) for each in claims] == [
        (2, 2, True)
    ] * 2


def test_an_answer_may_come_again_and_not_otherwise(waiting):
    yes, no = turns.Answer(item=1), turns.Answer(item=1, approved=False)
    for _ in range(2):
        turns.resume(waiting.turn_id, [yes])
    with pytest.raises(AlreadyAnswered):
        turns.resume(waiting.turn_id, [turns.Answer(item=2), no])
    assert ToolCall.objects.get(tool="write").state == "asked"  # all or nothing


def test_only_what_asks_can_be_answered(waiting):
    with pytest.raises(NotFound):
        turns.resume(waiting.turn_id, [turns.Answer(item=7)])


def test_what_was_approved_is_begun_and_what_was_refused_is_not(waiting, claim):
    answers = [turns.Answer(item=1), turns.Answer(item=2, approved=False)]
    turns.resume(waiting.turn_id, answers)
    held = claim()
    start = [
        turns.start_tool(held.turn_id, held.token, 1, tool, tool=tool, arguments={})
        for tool in ("pay", "write")
    ]
    assert [(call.fresh, call.state) for call in start] == [(True, "started"), (False, "refused")]
    assert turns.resume(waiting.turn_id, answers).state == "running"  # still the same answers


def test_a_result_that_is_asked_for_is_the_answer(say, claim):
    say()
    held = claim()
    asked = turns.Asked(step=1, call_id="a", tool="find", arguments={}, item=0, asks="result")
    turns.wait(held.turn_id, held.token, [asked], seconds=MINUTE)
    turns.resume(held.turn_id, [turns.Answer(item=0, output="found")])
    call = ToolCall.objects.get()
    assert (call.state, call.result) == ("done", {"returned": {"return_value": "found"}})


@pytest.mark.parametrize("rollback", [False, True])
def test_a_cancel_closes_the_calls_and_frees_the_conversation(waiting, say, rollback):
    expected = "rolled_back" if rollback else "cancelled"
    assert turns.cancel(waiting.turn_id, rollback=rollback) == expected
    assert say(policy="reject").position == 0
    closing = Message.objects.get(step=2)
    assert closing.retracted == rollback
    states = ToolCall.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["done", "dropped", "dropped"]
    with pytest.raises(AlreadyAnswered):
        turns.resume(waiting.turn_id, [turns.Answer(item=1)])


def test_the_closing_is_what_pydantic_ai_reads(waiting):
    turns.resume(waiting.turn_id, [turns.Answer(item=2, approved=False, output="no")])
    turns.cancel(waiting.turn_id)
    text = json.dumps([Message.objects.get(step=2).payload])
    [message] = ModelMessagesTypeAdapter.validate_json(text)
    told = [(part.tool_call_id, part.content, part.outcome) for part in message.parts]
    assert told[0] == ("look", "seen", "success")
    assert told[1][::2] == ("pay", "denied")
    assert told[2] == ("write", "no", "denied")


@pytest.mark.usefixtures("any_store")
def test_it_expires_with_an_error_and_the_next_turn_goes_on(waiting, say, conversation):
    say("next")
    assert recovery.sweep().expired == 0
    Turn.objects.filter(state="waiting").update(expires=timezone.now() - timedelta(seconds=1))
    queues.queue("default").empty()
    swept = recovery.sweep()
    assert (swept.expired, swept.ended) == (1, 0)
    first = Turn.objects.get(number=0)
    assert (first.state, first.error["code"], first.usage) == ("failed", "expired", {"requests": 1})
    assert (hints(), Conversation.objects.get().open_turns) == (1, 1)
    [view, _] = snapshots.picture(conversation.pk).turns
    assert view.entries[-1].number == first.last_event == 10


def expired(conversation, *, seconds=1):
    waits = Turn.objects.filter(conversation=conversation, state="waiting")
    waits.update(expires=timezone.now() - timedelta(seconds=seconds))


def test_one_that_cannot_be_ended_holds_up_no_other(waiting, conversation, owner, worker_row):
    other, forgotten = [Conversation.objects.create(owner=owner, agent="demo") for _ in range(2)]
    for one in (other, forgotten):
        turns.accept(one.pk, owner.pk, [{"type": "message", "role": "user", "content": "Hello"}])
    held = turns.claim(other.pk, worker_row.pk, pool="default")
    turns.wait(held.turn_id, held.token, [], seconds=MINUTE)
    Conversation.objects.filter(pk=conversation.pk).update(agent="carried")  # nothing is kept here
    expired(conversation, seconds=2)
    expired(other)
    Turn.objects.filter(state="queued").update(hinted_at=timezone.now() - timedelta(hours=1))
    queues.queue("default").empty()
    assert recovery.sweep() == recovery.Swept(expired=1, hinted=1)
    assert Turn.objects.get(pk=waiting.turn_id).state == "waiting"


@pytest.mark.usefixtures("redis_store")
def test_many_that_cannot_be_ended_hold_up_no_other(owner, worker_row, settings, monkeypatch):
    """Some of a store that is away, and some whose agent will never let them go."""
    monkeypatch.setattr(chores, "AT_ONCE", 1)
    settings.AGENTS = {**settings.AGENTS, "kept": {**settings.AGENTS["demo"], "store": "database"}}
    asked = turns.Asked(step=1, call_id="a", tool="pay", arguments={}, item=0)
    for seconds, agent in enumerate(["kept", "carried", "demo", "demo"], 1):
        begun = "kept" if agent == "kept" else "demo"
        one = Conversation.objects.create(owner=owner, agent=begun)
        turns.accept(one.pk, owner.pk, [{"type": "message", "role": "user", "content": "Hello"}])
        held = turns.claim(one.pk, worker_row.pk, pool="default")
        turns.wait(held.turn_id, held.token, [asked], seconds=MINUTE)
        Conversation.objects.filter(pk=one.pk).update(agent=agent)
        expired(one, seconds=seconds)
    settings.REDIS_STORE_URL = f"redis://127.0.0.1:{free_port()}"
    assert [turns.expire(), turns.expire()] == [0, 1]
    assert Turn.objects.get(state="failed").conversation.agent == "kept"


def test_while_its_store_is_away_it_waits_for_the_next_sweep(
    redis_store, waiting, conversation, settings
):
    expired(conversation)
    settings.REDIS_STORE_URL, address = f"redis://127.0.0.1:{free_port()}", settings.REDIS_STORE_URL
    assert (turns.expire(), state()) == (0, "waiting")
    settings.REDIS_STORE_URL = address
    assert (turns.expire(), state()) == (1, "failed")


def test_recovery_and_claims_leave_it_alone(waiting, say, claim, worker_row):
    say("next")
    Turn.objects.filter(state="queued").update(hinted_at=timezone.now() - timedelta(hours=1))
    held = claim()
    worker_row.delete()
    assert (held, recovery.sweep(), state()) == (None, recovery.Swept(), "waiting")


@pytest.mark.parametrize(
    ("policy", "ends"), [("interrupt", "cancelled"), ("rollback", "rolled_back")]
)
def test_a_message_that_interrupts_ends_it_at_once(waiting, say, claim, policy, ends):
    accepted = say("instead", policy=policy)
    assert (state(), accepted.position) == (ends, 0)
    assert claim().turn_id == accepted.turn.pk


def test_who_is_to_stop_does_not_wait(say, claim):
    say()
    held = claim()
    turns.cancel(held.turn_id)
    asked = turns.Asked(step=1, call_id="a", tool="pay", arguments={}, item=0)
    assert not turns.wait(held.turn_id, held.token, [asked], seconds=MINUTE)
    assert state() == "running"
