"""A conversation opens as people read it, whatever a model wrote into it."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from conversations.models import ToolCall
from tests.integration.admin.rows import crowd, message_of, prompt, text, turn_of

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def opened(client, conversation, query: str = "") -> str:
    address = reverse("admin:conversations_conversation_change", args=[conversation.pk])
    page = client.get(address + query)
    assert page.status_code == 200
    return page.content.decode()


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="message-(\d+)"', page)]


def call_part(name: str, arguments, call_id: str = "call_1") -> dict:
    part = {"part_kind": "tool-call", "tool_name": name, "args": arguments, "content": ""}
    return {**part, "tool_call_id": call_id}


def return_part(name: str, content, call_id: str = "call_1") -> dict:
    part = {"part_kind": "tool-return", "tool_name": name, "content": content}
    return {**part, "tool_call_id": call_id}


def test_messages_stand_in_order_with_who_said_them(viewer, conversation):
    turn = turn_of(conversation)
    message_of(turn, prompt("How far?"), step=0)
    message_of(turn, call_part("measure", '{"to": "moon"}'))
    message_of(turn, return_part("measure", {"km": 384400}))
    message_of(turn, text("Far."))
    page = opened(viewer, conversation)
    said = re.findall(r'message-who">(\w+)', page)
    assert said == ["person", "agent", "tool", "agent"]
    places = [page.index(each) for each in ("How far?", "calls measure", "384400", "Far.")]
    assert places == sorted(places)


def test_a_tool_call_shows_what_the_ledger_knows_of_it(viewer, conversation):
    """Providers use an id again in the next step."""
    turn = turn_of(conversation)
    states = {1: "unknown", 3: "done"}
    for step, state in states.items():
        message_of(turn, call_part("send_mail", {"to": "x"}), step=step)
        message_of(turn, return_part("send_mail", "sent"), step=step + 1)
        call = {"tool_call_id": "call_1", "tool": "send_mail", "arguments": {}}
        ToolCall.objects.create(turn=turn, step=step, state=state, **call)
    shown = re.findall(r'calls send_mail.*?is-(\w+)">', opened(viewer, conversation))
    assert shown == list(states.values())


def test_what_was_said_elsewhere_has_no_life_here(viewer, conversation):
    message_of(turn_of(conversation, pool="none"), text("Said before."))
    page = opened(viewer, conversation)
    assert "said elsewhere" in page
    assert "in all" not in page


def test_what_was_retracted_is_shown_and_marked(viewer, conversation):
    message_of(turn_of(conversation, "cancelled"), text("I was ab"), retracted=True)
    page = opened(viewer, conversation)
    assert "is-retracted" in page
    assert "I was ab" in page


def test_a_queued_message_is_shown_before_it_is_in_the_transcript(viewer, conversation):
    turn_of(conversation, "queued")
    assert "input 0" in opened(viewer, conversation)


def test_a_turn_shows_its_worker_its_tokens_and_its_error(viewer, conversation):
    error = {"code": "provider_timeout", "message": "No answer."}
    usage = {"input_tokens": 17, "output_tokens": 4}
    turn_of(conversation, "running", crashes=2, attempt=3, worker_name="w-7", error=error, usage=usage)  # fmt: skip
    page = opened(viewer, conversation)
    for each in ("w-7", "provider_timeout", "No answer.", "17 in, 4 out", "2 crashes", "attempt 3"):
        assert each in page


@pytest.mark.parametrize("page", ["conversation", "turn"])
def test_a_turn_shows_its_notices_and_until_when_it_waits(viewer, conversation, page):
    until = datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC)
    turn = turn_of(conversation, "waiting", notices=["Out of <b>reach."], expires=until)
    row = {"conversation": conversation, "turn": turn}[page]
    address = reverse(f"admin:conversations_{page}_change", args=[row.pk])
    told = viewer.get(address).content.decode()
    assert "Out of &lt;b&gt;reach." in told
    assert timezone.localtime(until).strftime("%Y-%m-%d %H:%M:%S") in told


@pytest.mark.parametrize(
    "parts",
    [
        [text(ATTACK)],
        [prompt(ATTACK)],
        [prompt([ATTACK, {"kind": ATTACK}])],
        [call_part(ATTACK, {ATTACK: ATTACK}, ATTACK)],
        [return_part(ATTACK, [ATTACK])],
        [{"part_kind": ATTACK, "content": ATTACK}],
        [{"part_kind": "text", "content": [ATTACK]}],
    ],
)
def test_nothing_that_was_said_becomes_markup(parts, viewer, conversation):
    turn = turn_of(conversation, "failed", error={"code": ATTACK, "message": ATTACK})
    turn_of(conversation, "queued", input=[{"content": ATTACK}], worker_name=ATTACK)
    message = message_of(turn, *parts)
    conversation.title = conversation.agent = ATTACK
    conversation.metadata = {ATTACK: ATTACK}
    conversation.save()
    pages = [
        opened(viewer, conversation),
        viewer.get(reverse("admin:conversations_message_change", args=[message.pk])),
        viewer.get(reverse("admin:conversations_turn_change", args=[turn.pk])),
        viewer.get(reverse("admin:conversations_message_changelist")),
    ]
    for page in pages:
        html = page if isinstance(page, str) else page.content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_the_page_needs_nothing_that_the_policy_forbids(viewer, conversation):
    message_of(turn_of(conversation), text("hi"))
    page = opened(viewer, conversation)
    assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("payload", ["broken", {"parts": "no"}, {"parts": [7, None]}, []])
def test_a_payload_that_cannot_be_read_is_shown_as_it_is_stored(payload, viewer, conversation):
    message_of(turn_of(conversation), text("x"), payload=payload)
    assert len(numbers(opened(viewer, conversation))) == 1


def test_a_long_conversation_is_read_back_page_by_page(viewer, conversation):
    turn = turn_of(conversation)
    for n in range(130):
        message_of(turn, text(f"line {n}"))
    page, seen = opened(viewer, conversation), []
    seen = numbers(page)
    while older := re.search(r'href="(\?before=\d+)"', page):
        page = opened(viewer, conversation, older[1])
        seen = numbers(page) + seen
    assert seen == list(range(130))
    assert numbers(opened(viewer, conversation, "?after=49")) == list(range(50, 100))


def test_a_page_of_a_long_conversation_takes_at_most_ten_queries(viewer, owner, conversation, cost):
    crowd(owner)
    for _ in range(60):
        message_of(turn_of(conversation), text("hi"))
    with cost() as spent:
        assert len(numbers(opened(viewer, conversation))) == 50
    assert len(spent) <= 10
    spent.assert_cheap()


def test_a_message_s_own_page_leads_to_its_place_in_the_transcript(viewer, conversation):
    message = [message_of(turn_of(conversation), text(f"line {n}")) for n in range(80)][10]
    page = viewer.get(reverse("admin:conversations_message_change", args=[message.pk]))
    query = re.search(r'href="[^"]+change/(\?before=\d+)#message-10"', page.content.decode())[1]
    assert numbers(opened(viewer, conversation, query))[-1] == 10
